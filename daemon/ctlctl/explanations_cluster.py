"""What each finding about a cluster means for phones, and what to do: `finding explain` and docs/findings.md."""

from ctlctl.assess.model import ClusterCode
from ctlctl.explanations import Explanation

_NOBODY_KNOWS = "What rests on it is shown as it was at the last answer, with its age; nobody knows how it is now."
_UPDATE_CTL = (
    "If ITLRecovery and CallManager have not both changed: `utils ctl update CTLFile` on the publisher, restart Cisco "
    "Tftp and Cisco CallManager on every node that runs them, and reset phones a batch at a time."
)
_RENEW_LSC = "Renew LSCs by CAPF (Install/Upgrade), a batch at a time, and watch registrations between batches."

CLUSTER_EXPLANATIONS: dict[ClusterCode, Explanation] = {
    ClusterCode.SOURCE_FAILING: Explanation(
        "An interface of the cluster cannot be asked: AXL, RIS, the TFTP nodes, TLS ports or the phones; or of one "
        "node "
        "(subject NODE/SOURCE): Control Center, the certificate API, the platform CLI or TVS.",
        _NOBODY_KNOWS,
        "The finding has the error; `ctlctl cluster doctor CLUSTER` tries each interface and says what it lacks.",
    ),
    ClusterCode.SOURCE_STALE: Explanation(
        "An interface has not answered for longer than its facts are good for (6 hours), or was never asked, and "
        "nothing says why: while it fails, source-failing is unknown instead.",
        _NOBODY_KNOWS,
        "`ctlctl cluster doctor CLUSTER`, then `ctlctl cluster refresh CLUSTER`.",
    ),
    ClusterCode.IDENTITY_CHANGED: Explanation(
        "The server of AXL and RIS, or of a node, presents another certificate than the one pinned in the settings, or "
        "another SSH host key.",
        "Its tomcat certificate was renewed, or somebody else answers in its place. Nothing is asked, and no password "
        "is sent, until that is settled.",
        "Compare the fingerprint with `show cert own tomcat` on the node itself, then write it as tls_pin; an "
        "SSH host key is compared on the console and written as ssh_host_key.",
    ),
    ClusterCode.CREDENTIALS_REFUSED: Explanation(
        "AXL, RIS, Control Center, the certificate API or the platform CLI refuses the user or the password of the "
        "settings; `writer` is the account for changes. "
        "One account is one finding, however many nodes refuse it.",
        "Nothing is tried again before the user or the password changes, because CUCM locks accounts; ctld remembers "
        "it over restarts. Until then nothing new is known, and nothing is changed.",
        "Check the user, its roles and the password. A new password in its file counts at once, a credential of "
        "systemd after `systemctl restart ctld`, another user after `systemctl reload ctld`. Where the same password "
        "is right now, because the account was unlocked or corrected in CUCM: `ctlctl cluster refresh CLUSTER "
        "--retry-credentials` tries it once.",
    ),
    ClusterCode.CLUSTER_BUSY: Explanation(
        "The cluster answered that it is at its limits of AXL or RIS requests.",
        "Collecting takes longer, and other tools and administrators wait too. Phones are not concerned.",
        "Use fewer tools at the same time, or ask less often in the settings.",
    ),
    ClusterCode.SECURITY_MODE_CHANGED: Explanation(
        "The cluster went from non-secure to mixed mode or back.",
        "Phones take it at their next reset: secure profiles work in mixed mode only.",
        "If nobody meant it, find out who ran `utils ctl set-cluster` before phones are reset.",
    ),
    ClusterCode.SECURITY_MODE_UNKNOWN: Explanation(
        "The enterprise parameter ClusterSecurityMode has no value, or none that is known.",
        "Whether phones need TLS, and whether there must be a CTL, cannot be told; the CTL is compared with nothing.",
        "Look at Cluster Security Mode among the enterprise parameters, and at `show ctl` on the publisher.",
    ),
    ClusterCode.PROFILES_WITHOUT_MIXED_MODE: Explanation(
        "Phones have a security profile that says Authenticated or Encrypted, but the cluster is not in mixed mode.",
        "They register without TLS: their calls are not protected, whatever the profile says.",
        "Either enable mixed mode (`utils ctl set-cluster mixed-mode`), or give them non-secure profiles.",
    ),
    ClusterCode.NODE_NOT_IN_SETTINGS: Explanation(
        "A node of the cluster, or the trust lists that it serves, is not in the settings.",
        "Nobody looks at its lists and ports: a stale list there is noticed only by phones.",
        "Add the node to the settings (`tftp = true` where Cisco Tftp runs), then `systemctl reload ctld`.",
    ),
    ClusterCode.NODE_UNKNOWN_TO_CLUSTER: Explanation(
        "A node of the settings is none that the cluster knows under this name.",
        "What is seen there is compared with nothing.",
        "Write the name as System > Server has it, or remove a node that is no more.",
    ),
    ClusterCode.PORT_SILENT: Explanation(
        "A TLS port of a node does not answer, though its service is activated there.",
        "The node is off, the service is stopped, or a firewall is between; phones that need it go elsewhere or wait.",
        "`utils service list` on the node, and `ctlctl cluster doctor CLUSTER`.",
    ),
    ClusterCode.SERVICE_NOT_RUNNING: Explanation(
        "A service that is activated, or that every node must run, is not started, by Control Center or the platform "
        "CLI, whichever was asked last.",
        "Without Cisco CallManager phones of the node register elsewhere or not at all; without Cisco Tftp those that "
        "start get no configuration; without TVS they can verify nothing new; without CAPF there are no new LSCs.",
        "`utils service start` on the node; if it stops again, its traces say why. A service that is just starting or "
        "stopping is left alone for 15 minutes.",
    ),
    ClusterCode.REPLICATION_BROKEN: Explanation(
        "Database replication of a node is in another state than 2, or tables differ: 0 not begun, 1 wrong number of "
        "replicates, 3 tables differ, 4 setup failed. Or the last check of all tables found errors or mismatches, or "
        "the last synchronisation had errors, by the lines above the table of `utils dbreplication runtimestate`.",
        "Certificates, trust stores and phones' settings are not the same on all nodes: what is renewed now may never "
        "reach some of them.",
        "Renew nothing. `utils dbreplication status` on the publisher, then repair or reset as it advises.",
    ),
    ClusterCode.CLOCK_UNSYNCHRONISED: Explanation(
        "The clock of a node follows no NTP server (stratum 16), or is a second or more away from the one it follows.",
        "Certificates seem to begin too late or to have ended; new lists and LSCs carry a wrong time; replication "
        "suffers. Phones take their time from the node.",
        "`utils ntp status` on the node; check the NTP servers of the publisher and UDP port 123 on the way.",
    ),
    ClusterCode.BACKUP_OLD: Explanation(
        "The last backup that succeeded (Disaster Recovery System) is older than 48 hours (backup_hours), there is "
        "none, "
        "or nobody can tell.",
        "If anchors are lost, only a backup that has them brings phones back without visiting each; one from before a "
        "renewal brings the old anchors back.",
        "Take one now, and after every renewal. `utils disaster_recovery history backup` says how the last ones ended.",
    ),
    ClusterCode.BACKUP_FAILED: Explanation(
        "The newest backup did not succeed, but one before it did, and is not old yet.",
        "Nothing yet. If it goes on, there will be no backup from after the newest renewal.",
        "Read the log of the failed one; often the SFTP server is full, or the ipsec certificate of a node has ended.",
    ),
    ClusterCode.LIST_INVALID: Explanation(
        "A trust list that a node serves does not verify: its structure, a record or its signature is wrong.",
        "Phones refuse it and keep the one they hold, so that nothing that has changed since reaches them.",
        "`ctlctl verify` on the file says what is wrong. Restart Cisco Tftp on the node (ITL), or run `utils ctl "
        "update CTLFile` on the publisher (CTL), and fetch it again.",
    ),
    ClusterCode.LIST_MISSING: Explanation(
        "A TFTP node serves no ITL, or no CTL though the cluster is in mixed mode, or an empty file instead.",
        "Phones get no new list there; one without any trusts whatever it is offered first.",
        "Restart Cisco Tftp on the node; if the CTL stays away, `utils ctl update CTLFile` on the publisher.",
    ),
    ClusterCode.LIST_UNREADABLE: Explanation(
        "A trust list could not be fetched, or nobody has fetched it yet.",
        "What phones get there is not known; the list is shown as it was last seen, with its age.",
        "The finding has the error; `ctlctl cluster doctor CLUSTER` asks the node over HTTP and TFTP.",
    ),
    ClusterCode.STALE_CTL: Explanation(
        "The CTL lacks a certificate that is in use, or has an older one: most often CallManager was renewed and the "
        "CTL not updated.",
        "Nothing happens at once. At its next reset a phone in a secure profile rejects the node and does not register "
        "there.",
        f"{_UPDATE_CTL} If both have changed, reset nothing: phones would refuse the new CTL.",
    ),
    ClusterCode.STALE_ITL: Explanation(
        "The ITL of a TFTP node lacks that node's CallManager, a TVS, CAPF or its signer as they are installed.",
        "Phones that load it distrust that node's files, or cannot ask that TVS; the next renewal may lock them out.",
        "Restart Cisco Tftp on the node; it writes its ITL from the certificates that are installed.",
    ),
    ClusterCode.LISTS_DIFFER: Explanation(
        "TFTP nodes serve different CTLs. There is one for the cluster.",
        "Which nodes a phone trusts hangs on where it last downloaded.",
        "Restart Cisco Tftp on the node that serves the older one; check database replication if it stays.",
    ),
    ClusterCode.LIST_CONTINUITY_BROKEN: Explanation(
        "A node serves a list whose signer the list before does not name as SAST, and neither the CTL that phones hold "
        "nor TVS vouches for it to all of them. Where an earlier list is followed again (it was taken back), only "
        "phones are concerned that took a list of between, by their own pages, or may have, by times.",
        "Phones that hold the list before refuse this one at their next reset: they are locked out until somebody "
        "erases their lists by hand.",
        "Reset no phone. Restore the former certificate (DRS) or sign with the anchor that phones know (`utils "
        "itl reset localkey`, `utils ctl reset localkey`), let phones take that list; change one anchor at a time. "
        "Then the finding ends for all that still hold a list of before; erase the lists of the others by hand. One "
        "that was not taken back ends when no phone is left that has not registered anew, after a week at the "
        "earliest.",
    ),
    ClusterCode.LIST_SURPLUS: Explanation(
        "A list names a certificate that nobody in the cluster has, or that has no place in such a list.",
        "Phones trust it too. If its key is gone with a node that is no more, nothing follows from it.",
        "Find out whose it is; a CTL loses it by `utils ctl update CTLFile`, an ITL by a restart of Cisco Tftp.",
    ),
    ClusterCode.LIST_NEAR_SIZE_LIMIT: Explanation(
        "A list is close to 64 KiB or to 39 certificates.",
        "Phones fail to load a larger one, and then do not register: one more node may be enough.",
        "Use multi-server SAN certificates and remove nodes that are no more before the cluster grows.",
    ),
    ClusterCode.LIST_NOT_COMPARED: Explanation(
        "It is not known which certificate is installed somewhere, from AXL or from the port, or which mode holds.",
        "The list verifies, but whether it is up to date cannot be told. That is not the same as being in order.",
        "`ctlctl cert list CLUSTER` shows what is known; `ctlctl cluster doctor CLUSTER` says why the rest is not.",
    ),
    ClusterCode.CTL_LEFT_OVER: Explanation(
        "The cluster is not in mixed mode, but serves a CTL of the time when it was.",
        "Phones that hold it go on checking new ITLs against it.",
        "None while phones register. Mind it at renewals of ITLRecovery and CallManager.",
    ),
    ClusterCode.CTL_TOKEN_SIGNED: Explanation(
        "The CTL names only hardware tokens (eToken) as signers.",
        "Without them it cannot be updated, and CUCM supports none from 14 SU3 on. Phones follow to a tokenless CTL by "
        "asking TVS, which the 7940 and 7960 cannot.",
        "Plan the move to a tokenless CTL while every phone is registered; erase the CTL by hand on those that stay.",
    ),
    ClusterCode.LIST_NOT_TAKEN: Explanation(
        "Phones have not registered anew since the newest list was first seen, or are not registered: as far as times "
        "tell, they hold an older one. Where a phone's own page shows which list it holds, that decides instead.",
        "A phone that misses this list and the next may find nobody in its own whom it can still trust.",
        "Renew no other certificate before they have it. Reset them, and switch on those that are off; but first "
        "settle what keeps phones that are reset from coming back (stale-ctl, list-continuity-broken, tvs-unaware and "
        "the like).",
    ),
    ClusterCode.SHOWN_LIST_DIFFERS: Explanation(
        "`show ctl` or `show itl` on a node gives another checksum than the list that the node serves to phones at the "
        "same time, or one of the two is not there.",
        "Phones get another list than the one that CUCM shows; most often one from before the last update.",
        "Restart Cisco Tftp on the node: it serves what it read when it was started.",
    ),
    ClusterCode.LIST_FAILS_ON_NODE: Explanation(
        "CUCM itself says, at the end of `show ctl` or `show itl`, that the list does not verify.",
        "Phones refuse it too and keep the one they hold; a phone without one has nothing to check by.",
        "CTL: `utils ctl update CTLFile` on the publisher, then restart Cisco Tftp. ITL: restart Cisco Tftp on the "
        "node.",
    ),
    ClusterCode.PHONE_LIST_OLD: Explanation(
        "Registered phones print, on their own pages, the checksum of another list than the newest: of one that was "
        "served before, of one that no node was ever seen to serve, or none. Every version that is kept counts, also "
        "of nodes that are no longer asked; `ctlctl phone show` says which one, and how many versions behind it is. "
        "Pages read before the list was new, or before the phone last started, are not counted.",
        "What only the newest list names, these phones do not trust. This is proof, where list-not-taken goes by "
        "times.",
        "Reset one of them and read its status messages. If it refuses the list, erase its lists there and see why "
        "before anything else is renewed.",
    ),
    ClusterCode.TVS_UNAWARE: Explanation(
        "TVS of a node does not vouch for a certificate that is in use: CallManager, TVS, CAPF or tomcat of some node.",
        "A phone whose own list lacks the certificate asks TVS, and trusts nothing that TVS does not know: files, "
        "registration or services by https fail. No list ever names tomcat.",
        "Renew and reset nothing more. Check replication, restart Cisco Certificate Change Notification, then Cisco "
        "Trust Verification Service on that node.",
    ),
    ClusterCode.PHONES_ON_MIC: Explanation(
        "Phones in secure profiles presented their factory certificate (MIC) when they were looked at.",
        "A MIC cannot be renewed: when it or its CA ends, or the CA is no longer trusted, the phone is out.",
        "Install LSCs by CAPF before manufacturing CAs are removed from CallManager-trust.",
    ),
    ClusterCode.PHONES_MIC_SUSPECTED: Explanation(
        "AXL knows no LSC of phones in secure profiles, and nobody has seen what they present.",
        "They live on their MIC, or have an LSC that the database does not know of.",
        "Switch web access on for some of them, so that they can be looked at, or install LSCs.",
    ),
    ClusterCode.PHONES_CREDENTIAL_UNKNOWN: Explanation(
        "What phones present is not known: the database has no word, or their issuer is neither this cluster's CAPF "
        "nor a manufacturer.",
        "They may have an LSC, a MIC or nothing, and it may end tomorrow. It is never taken for good.",
        "`ctlctl phone list CLUSTER --credential unknown`; an outside CA's certificate belongs in CAPF-trust.",
    ),
    ClusterCode.LSC_EXPIRED: Explanation(
        "LSCs have ended, by their own date or because the CAPF certificate that issued them has.",
        "A secure phone does not register with it any more; 802.1X and VPN refuse it too.",
        "Renew by authentication string, null string or MIC: the ended LSC itself proves nothing.",
    ),
    ClusterCode.LSC_EXPIRING: Explanation(
        "LSCs end within 90 days, by their own date or their issuer's, whichever is earlier.",
        "A secure phone whose LSC has ended does not register any more.",
        f"{_RENEW_LSC} Check first that the CAPF certificate itself lives long enough.",
    ),
    ClusterCode.LSC_CLIFF: Explanation(
        "More LSCs end in one month than one night can renew, or more than half of all within 45 days.",
        "LSCs of one campaign end together, and phones whose turn comes too late drop off together.",
        f"{_RENEW_LSC} Start by the day the finding names, and let the new ends drift apart.",
    ),
    ClusterCode.CREDENTIAL_CONTRADICTION: Explanation(
        "A phone presented something else than AXL knows of it: MIC for LSC, another end, another issuer.",
        "The database is out of date, or another phone or certificate is in its place.",
        "`ctlctl phone show CLUSTER NAME`; a CAPF operation makes both agree.",
    ),
    ClusterCode.PHONES_UNREGISTERED: Explanation(
        "More than a tenth of the phones that RIS knows are not registered.",
        "Nobody can call from them. Soon after a renewal, this is what a lock-out looks like.",
        "Change and reset nothing more before the cause is known; see the findings about lists and ports.",
    ),
    ClusterCode.CERTIFICATE_EXPIRED: Explanation(
        "A certificate of a node has ended, as it is installed or as a port presents it.",
        "What uses it is not trusted: registration, TVS, CAPF or the web services of that node fail.",
        "Renew it on the node, one kind at a time; after CallManager or CAPF in mixed mode update the CTL.",
    ),
    ClusterCode.CERTIFICATE_EXPIRING: Explanation(
        "A certificate of a node ends within 90 days; within 21 it is critical.",
        "When it has ended, what uses it is not trusted any more.",
        "Renew it on the node, never CallManager, TVS and ITLRecovery in one window.",
    ),
    ClusterCode.SERVED_DIFFERS: Explanation(
        "A port presents another certificate than the one that is installed, and not an older one (that is "
        "renewed-not-restarted).",
        "Somebody else answers, or the certificate was taken back. Lists name the installed one, so phones that took "
        "them do not trust the port.",
        "Find out who answers there before anything else; restart the service behind the port.",
    ),
    ClusterCode.RENEWED_NOT_RESTARTED: Explanation(
        "A port presents an older certificate than the one that is installed: it was renewed, and the service behind "
        "the "
        "port was not restarted.",
        "Phones that have taken lists with the new certificate refuse the port; the others go on until they take them.",
        "Restart what the finding names, node by node, with phones registered: Cisco CallManager, CTIManager and Tftp "
        "for CallManager; Trust Verification Service for TVS; CAPF for CAPF; Cisco Tomcat for tomcat.",
    ),
    ClusterCode.CERTIFICATE_SOURCES_DISAGREE: Explanation(
        "The certificate API, the platform CLI and the database say different things about a node's own certificate, "
        "for "
        "longer than a renewal takes to be known everywhere.",
        "One of them is wrong. The node's own word is believed first; lists and ends are judged by it.",
        "`show cert own UNIT` on the node decides. If the database is behind, check replication and restart Cisco "
        "Certificate Change Notification.",
    ),
    ClusterCode.CERTIFICATE_WEAK: Explanation(
        "A certificate in use has an RSA key of less than 2,048 bits, or is signed by SHA-1 or MD5.",
        "A weak key can be broken. An old signature matters where a CA made it; of a self-signed one nothing hangs on "
        "it, but newer phones and programs refuse it.",
        "Renew with 2,048 bits or more and SHA-256, one kind of certificate at a time.",
    ),
    ClusterCode.SAN_INCOMPLETE: Explanation(
        "A multi-server certificate (tomcat or CallManager) does not name every node; most often one was added later.",
        "Who checks names refuses a node that presents it; a node with one of its own ends at another time.",
        "Request it anew as Multi-server(SAN). Nodes that go by an address are compared only where addresses are "
        "named.",
    ),
    ClusterCode.CLIENT_AUTH_MISSING: Explanation(
        "The extended key usage of CallManager or tomcat lacks clientAuth. Public CAs stop issuing it in 2026 and "
        "2027.",
        "SIP trunks over TLS, CTI and connections between nodes are refused by whoever checks it. Phones register all "
        "the same.",
        "Take a private CA or a self-signed certificate for it (Cisco field notice 74345).",
    ),
    ClusterCode.ANCHORS_EXPIRE_TOGETHER: Explanation(
        "Two of CallManager, TVS and ITLRecovery of a node end within 30 days of each other, and soon.",
        "Renewed in one go they lock phones out: their list then names nobody who could vouch for the new ones.",
        "Renew one kind now, let every phone take the new lists, and only then the next.",
    ),
    ClusterCode.CAPF_ENDS_BEFORE_LSCS: Explanation(
        "A CAPF certificate ends within a year, before LSCs that it issued.",
        "An LSC is worth nothing once its issuer has ended, so that all these phones drop off on one day.",
        "Renew CAPF, keep the old certificate in CAPF-trust and CallManager-trust, update the CTL, and renew LSCs.",
    ),
    ClusterCode.CAPF_OLD_GENERATION: Explanation(
        "LSCs of a former CAPF certificate are still in use.",
        "If that certificate is deleted from CallManager-trust, CallManager refuses these phones.",
        "Keep it until the LSCs are renewed; on 802.1X and VPN servers too.",
    ),
    ClusterCode.CERTIFICATE_UNKNOWN: Explanation(
        "A certificate that a node must have is known from nobody: neither the node itself, nor AXL, nor a port; or it "
        "cannot be read.",
        "When it ends, and whether lists name it, nobody knows.",
        "`ctlctl cluster doctor CLUSTER`; `show cert own` on the node shows it.",
    ),
    ClusterCode.CAPF_PENDING_STUCK: Explanation(
        "CAPF operations have been pending for longer than a day.",
        "What was ordered has not happened, and acts at the phone's next reset.",
        "Reset phones that are registered, check that CAPF runs on the publisher, or take the order back.",
    ),
    ClusterCode.CAPF_FAILED: Explanation(
        "CAPF's last operation failed for some phones or users.",
        "They keep the certificate they had; a secure phone without a good LSC is on its MIC, or out.",
        "Phone Communication Failure: order it again. Invalid LSC or MIC: its issuer is no longer in CAPF-trust.",
    ),
    ClusterCode.STALE_LSCS: Explanation(
        "CAPF issued LSCs that phones never installed (`utils capf stale-lsc list`).",
        "These phones go on with the certificate they had, or without one.",
        "Order the operation again for them; `utils capf stale-lsc delete all` clears the list afterwards.",
    ),
    ClusterCode.ENROLMENT_EXPIRED: Explanation(
        "The certificate of a user that ctld keeps fresh has ended, by its own date or with the CAPF certificate that "
        "signed it.",
        "CTIManager refuses the application's secure connections. A certificate that has ended proves nothing, so ctld "
        "cannot renew it.",
        "Have an authentication string made (`ctlctl capf profile update CLUSTER`, with `--mode string`) and enrol "
        "anew.",
    ),
    ClusterCode.ENROLMENT_EXPIRING: Explanation(
        "The certificate of a user is due and is not renewed: attempts fail, or none was made. A fault that may pass "
        "by itself is only worth knowing before the third attempt; within 21 days of the end it is critical.",
        "When it has ended, the application cannot connect securely, and needs a new authentication string.",
        "`ctlctl capf enrolments CLUSTER` has the reason. The profile must order Install/Upgrade by existing "
        "certificate; `ctlctl cluster refresh CLUSTER --source enrolments` tries what has rested.",
    ),
    ClusterCode.ENROLMENT_REFUSED: Explanation(
        "The certificate of a user is due, but CAPF's own certificate ends so soon that a renewal would gain next to "
        "nothing.",
        "It ends as it is, and with it the application's secure connections.",
        "Renew CAPF's certificate first; then ctld renews by itself. Or lower `capf_rest_days` in the settings.",
    ),
    ClusterCode.ENROLMENT_MISSING: Explanation(
        "The settings name a certificate of a user, and its directory has none, or that of another name.",
        "Nothing is renewed that is not there: the application has no certificate, or one that nobody watches.",
        "Get the first one as the user that ctld runs as (`ctlctl capf enroll`), or take it out of the settings.",
    ),
    ClusterCode.ENROLMENT_UNKNOWN: Explanation(
        "Whether the certificate of a user is due cannot be told: its directory cannot be read, or nothing says which "
        "CAPF to believe.",
        "It is not renewed, and may end unseen.",
        "The finding has the reason; `ctlctl capf enrolments CLUSTER` shows it too.",
    ),
}
