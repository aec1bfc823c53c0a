"""What each finding means for phones, and what to do about it: the text of `finding explain` and docs/findings.md."""

from typing import NamedTuple

from ctlctl_trust.codes import Code


class Explanation(NamedTuple):
    """Three answers for an operator."""

    means: str
    so_what: str
    do: str


_DAMAGED = "Phones that check the structure refuse the file; others may read something else than was signed."
_REFETCH = (
    "Fetch the file again from every TFTP node and compare. If all serve it so, restart the Cisco Tftp service of that "
    "node (ITL) or run `utils ctl update CTLFile` on the publisher (CTL), and fetch again."
)
_FORGED = "Somebody or something changed the list after it was built, or built it wrongly. Do not let phones load it."
_NOT_TRUST = "A phone gives the record no trust, so whatever it should vouch for is not vouched for."

EXPLANATIONS: dict[Code, Explanation] = {
    Code.EMPTY: Explanation(
        "The file has no bytes. Administrators sometimes put an empty list on a TFTP server on purpose.",
        "A phone takes an empty list as no list: nothing is gained for verification, and nothing is verified.",
        "Find out if that is meant. If not, restart the Cisco Tftp service (ITL) or run `utils ctl update CTLFile`.",
    ),
    Code.TOO_LARGE: Explanation(
        "The input is over 4 MiB and was not read.",
        "No trust list or signed phone file is that large; phones stop at 64 KiB for a list.",
        "Check what the path or address really is.",
    ),
    Code.TRUNCATED: Explanation("The bytes end inside a tag, a length or a value.", _DAMAGED, _REFETCH),
    Code.BAD_MAGIC: Explanation(
        "The file does not begin with a version TLV, so it is no trust list and no signed file.",
        "A phone refuses it.",
        "Check the path. XML under a .sgn name is often the unsigned file; HTML is often a server's error page.",
    ),
    Code.VERSION: Explanation(
        "The major version is not 1 (2 for an encrypted file).",
        "The format of other versions is not known, so no statement about the rest holds.",
        "Check that the name fits the kind of file. If a cluster really serves this, report it as a new format.",
    ),
    Code.HEADER_LENGTH_RANGE: Explanation(
        "HeaderLength is smaller than its own field or larger than the file.", _DAMAGED, _REFETCH
    ),
    Code.HEADER_LENGTH_MISMATCH: Explanation(
        "HeaderLength does not fall where the header's members and padding end.", _DAMAGED, _REFETCH
    ),
    Code.BAD_LENGTH: Explanation("A field has a length that its type does not allow.", _DAMAGED, _REFETCH),
    Code.LENGTH_OVERFLOW: Explanation("A length runs past the header, record or file it is in.", _DAMAGED, _REFETCH),
    Code.CONTAINER_LENGTH_MISMATCH: Explanation(
        "A container (tags 3, 7, 9; 16, 17, 21 in encrypted files) does not have the length of its members.",
        _DAMAGED,
        _REFETCH,
    ),
    Code.UNKNOWN_TAG: Explanation(
        "A tag stands there that this format does not have. It was kept, but not understood.",
        "Either the file is damaged, or the cluster is of a release newer than this program knows.",
        "Fetch again. If it stays, compare with another node and report the tag number and the CUCM release.",
    ),
    Code.DUPLICATE_TAG: Explanation(
        "A tag that may stand once stands twice. Readers differ in which one they take.",
        "Two phones can read two different things from one signed file.",
        _REFETCH,
    ),
    Code.MISSING_TAG: Explanation("A tag that must be there is missing.", _DAMAGED, _REFETCH),
    Code.BAD_STRING: Explanation(
        "A text does not end in its NUL, or has one inside. Readers differ in where they take it to end.",
        _DAMAGED,
        _REFETCH,
    ),
    Code.DIGEST: Explanation(
        "The digest code is none that is known (1 SHA-1, 3 SHA-512).",
        "The signature cannot be checked, and phones will not check it either.",
        _REFETCH,
    ),
    Code.DIGEST_UNSUPPORTED: Explanation(
        "Digest code 2 is called SHA-256 by one implementation, which neither writes nor accepts it.",
        "No phone is known to accept such a file.",
        "Build the list with SHA-1 or SHA-512. To look at it all the same, use --allow-digest sha256.",
    ),
    Code.SIGALG: Explanation(
        "The signature algorithm is not 0, RSA PKCS#1 v1.5; no other is known.",
        "The signature cannot be checked, and phones will not check it either.",
        _REFETCH,
    ),
    Code.MODULUS_MISMATCH: Explanation(
        "The code for the signer's key size and the length of the signature disagree.",
        "A phone that goes by the code reads the signature wrongly.",
        _REFETCH,
    ),
    Code.FILENAME: Explanation(
        "The name inside the signed header is not the one it must be: CTLFile.tlv or ITLFile.tlv for a list (per-phone "
        "lists too), the requested name for a signed file; never with parts that leave the directory.",
        "A file signed for another purpose or phone is being served under this name.",
        "Check which file the server gives out under this name. A wrong name in a signed file is a reason for alarm.",
    ),
    Code.NO_RECORDS: Explanation(
        "No record follows the header.", "The list vouches for nobody, not even for its signer.", _REFETCH
    ),
    Code.TOO_MANY_RECORDS: Explanation(
        "The list has over 1,000 records; the rest was not read.",
        "Phones stop at about 39 certificates (64 KiB).",
        "Check what the file really is.",
    ),
    Code.RECORD_LENGTH_RANGE: Explanation(
        "RECORDLENGTH is below 5 or runs past the end of the file.", _DAMAGED, _REFETCH
    ),
    Code.RECORD_LENGTH_MISMATCH: Explanation(
        "RECORDLENGTH does not fall on the end of the record's last field.", _DAMAGED, _REFETCH
    ),
    Code.RECORD_MISSING_FIELD: Explanation(
        "A record lacks its role, or has a certificate without its fields, or fields without a certificate.",
        _NOT_TRUST,
        _REFETCH,
    ),
    Code.RECORD_BAD_CERTIFICATE: Explanation(
        "The certificate of a record cannot be decoded, or other bytes follow it.", _NOT_TRUST, _REFETCH
    ),
    Code.RECORD_INCONSISTENT: Explanation(
        "Name, serial number, key or signature beside a certificate contradict it, or its self-signature fails.",
        "Readers that look at the fields and readers that look at the certificate trust different things. " + _FORGED,
        "Fetch again and compare with other nodes. If it stays, treat it as tampering until explained.",
    ),
    Code.TRAILING_DATA: Explanation("Bytes that are no record follow the last record.", _DAMAGED, _REFETCH),
    Code.SIGNER_MISSING: Explanation(
        "No record has the serial number and issuer of the signer that the header names.",
        "A phone cannot check the list by itself and must ask TVS, or refuses it.",
        "Compare with the list of another node. After a certificate renewal, restart the Cisco Tftp service.",
    ),
    Code.SIGNER_ROLE: Explanation(
        "The signer is known, but in a role that may not sign this: lists need SAST, files need CCM+TFTP or TFTP.",
        "Phones refuse the file.",
        "Check which certificate signed, and whether the signing node's certificate is CCM+TFTP in the list.",
    ),
    Code.SIGNER_UNKNOWN: Explanation(
        "None of the trust lists given names the signer of this file.",
        "A phone that holds these lists asks TVS about the signer, and refuses the file if TVS does not know it.",
        "Give the list of the TFTP node that served the file: each node signs with its own certificate.",
    ),
    Code.BAD_SIGNATURE: Explanation(
        "The signature does not verify with the signer's key: the file is not what was signed.",
        "Phones refuse it: no configuration change reaches them, and after a reset they may not register. " + _FORGED,
        _REFETCH,
    ),
    Code.ANCHOR_MISMATCH: Explanation(
        "The file is signed, but not by anyone you vouched for with --trust-anchor.",
        "It may be another cluster's, or made by somebody else, or signed after a renewal you have not recorded.",
        "Compare the signer's serial number with `show itl` and `show cert own ITLRecovery` on the publisher. Only if "
        "they agree, take the new certificate as your anchor.",
    ),
    Code.CONTINUITY_BROKEN: Explanation(
        "The signer of the new list is no SAST of the list that phones hold.",
        "Phones refuse the new list unless TVS vouches for the signer; phones without TVS keep the old list until "
        "somebody deletes it on each of them by hand.",
        "Do not publish it yet. Sign with a certificate that the old list has as SAST (ITLRecovery), let every phone "
        "take that list, and only then change the signer.",
    ),
    Code.KEY_SUBSTITUTED: Explanation(
        "Two certificates have the same issuer and serial number, but different keys.",
        "One of them was put in the other's place: a mistake of a CA, or an attack.",
        "Find out which key is genuine (`show cert own …` on the node) before any phone loads the list.",
    ),
    Code.CIPHERTEXT_LENGTH: Explanation(
        "The encrypted content is empty or no whole number of 16-byte blocks.",
        "The phone cannot decrypt it and starts CAPF or keeps its old configuration.",
        "Fetch again; if it stays, reset the phone's configuration file by saving the phone in CUCM.",
    ),
    Code.KEY_UNWRAP: Explanation(
        "The content key is not wrapped for the phone key given, or the sizes stated disagree.",
        "The phone has a new LSC or MIC that CUCM does not know yet, or the file is another phone's.",
        "Check the phone's certificate against CUCM; a CAPF operation makes them agree again.",
    ),
    Code.PLAINTEXT_PADDING: Explanation(
        "More padding is announced than a block or the content has.",
        "The phone cannot restore the configuration.",
        "Save the phone in CUCM to have the file written again.",
    ),
    Code.PLAINTEXT_DIGEST: Explanation(
        "The decrypted content does not have the digest stated in the signed header.",
        "The phone refuses the configuration.",
        "Save the phone in CUCM to have the file written again.",
    ),
    Code.CERTIFICATE_IN_USE_MISSING: Explanation(
        "The list verifies, but a certificate that is in use in the cluster it was held against is not in it.",
        "Phones do not trust what shows this certificate: with a stale CTL secure phones drop off at their next reset; "
        "with a stale ITL phones refuse what the node signs, or cannot ask its TVS.",
        "CTL: `utils ctl update CTLFile` on the publisher, then restart Cisco Tftp and Cisco CallManager, and reset "
        "phones. ITL: restart Cisco Tftp on the node that serves it.",
    ),
    Code.DUPLICATE_RECORD: Explanation(
        "The same certificate stands twice in the same role for the same node.",
        "Nothing breaks, but the list is larger than need be, and it was not made the usual way.",
        "None needed; see `ctlctl trustlist diff` for when it came.",
    ),
    Code.EXCESS_PADDING: Explanation(
        "The header has more padding bytes than bring its length to a multiple of four.",
        "Phones are known to take it from other writers; a cluster does not write so.",
        "Check who made the list.",
    ),
    Code.UNALIGNED_HEADER: Explanation(
        "HeaderLength is no multiple of four.",
        "Every known writer aligns it; a phone may or may not mind.",
        "Check who made the list.",
    ),
    Code.IP_LENGTH: Explanation(
        "IPADDRESS is not four bytes; how an IPv6 address is written is not publicly known.",
        "What a phone makes of it is unknown.",
        "Compare with the node's address in CUCM.",
    ),
    Code.RECORD_EXPIRED: Explanation(
        "A certificate in the list has ended.",
        "Phones differ: many go on, but TLS to that node or CAPF may fail. A cluster does sign lists that hold some.",
        "Renew the certificate on its node, one kind at a time, then update the list and let phones take it.",
    ),
    Code.RECORD_NOT_YET_VALID: Explanation(
        "A certificate in the list is not valid yet.",
        "TLS to its node fails until then.",
        "Check the clock of the node that made it, and of this machine.",
    ),
    Code.SIGNER_EXPIRED: Explanation(
        "The signer's certificate has ended.",
        "The signature still counts for phones that do not look at dates; others refuse the next list.",
        "Renew it while the other SAST is still good, and never both at once.",
    ),
    Code.SERIAL_REVERSED: Explanation(
        "The serial number is stored byte-reversed, as lists made with hardware tokens do.",
        "A sign of a hardware-token CTL. Tokens are no longer supported from CUCM 14 SU3 on.",
        "Plan the move to a tokenless CTL.",
    ),
    Code.SUBJECT_SPELLING: Explanation(
        "A name differs from the certificate's only in spelling, or is a hardware token's cut-short form.",
        "TVS looks certificates up by the exact text, so such a record may not be resolved there.",
        "None for lists made with hardware tokens; otherwise check who made the list.",
    ),
    Code.SIZE_OVER_64K: Explanation(
        "The list is over 65,535 bytes.",
        "Phones fail to load it and then fail to register.",
        "Reduce certificates: multi-server SAN certificates, fewer TFTP nodes, no left-over nodes.",
    ),
    Code.NEAR_SIZE_LIMIT: Explanation(
        "The list has 60,000 bytes or 39 certificates or more.",
        "One or two nodes more and phones fail to load it and to register.",
        "Use multi-server SAN certificates before the cluster grows.",
    ),
    Code.UNKNOWN_ROLE: Explanation(
        "A record has a role code without a publicly known meaning.",
        "It is given no trust here; what a phone does with it is unknown.",
        "Note the code and the CUCM release, and report them.",
    ),
    Code.UNUSUAL_VERSION: Explanation(
        "The list's version is 1.x, but not 1.2, which every list seen so far has.",
        "Phones have been seen to warn and go on.",
        "Check who made the list.",
    ),
    Code.WEAK_DIGEST: Explanation(
        "The signature uses SHA-1.",
        "Old phones need it. Whoever can make colliding files could have a harmless one signed and use another.",
        "When no phone needs SHA-1 any more, set the enterprise parameter TFTP File Signature Algorithm to SHA-512.",
    ),
    Code.WEAK_KEY: Explanation(
        "An RSA key has fewer than 2,048 bits.",
        "Such keys are within reach of a determined attacker, who could then sign lists or pose as a node.",
        "Renew the certificate with 2,048 bits, one kind at a time.",
    ),
    Code.EXPIRES_SOON: Explanation(
        "A certificate in the list ends within 90 days.",
        "When it has ended, TLS to its node, CAPF or the next list may fail.",
        "Plan the renewal now: never CallManager, TVS and ITLRecovery in one window.",
    ),
    Code.SINGLE_SAST: Explanation(
        "Only one SAST key is in the list.",
        "If that key is lost or replaced, no phone can verify the next list by itself.",
        "In a tokenless CTL both ITLRecovery and the publisher's CallManager should be SAST; back up ITLRecovery.",
    ),
    Code.ODD_CERTIFICATE: Explanation(
        "A certificate is strange: a strict parser refuses it, its serial number is not positive, or its "
        "self-signature could not be checked.",
        "Phones and servers may differ in what they make of it.",
        "Renew the certificate on its node when convenient.",
    ),
    Code.SIGNED_IN_FUTURE: Explanation(
        "The signing time is over a day ahead of this machine's clock.",
        "One of the clocks is wrong. When the cluster's is corrected, later lists look older than this one.",
        "Check NTP here and on the cluster (`utils ntp status`).",
    ),
    Code.CONTINUITY_LENIENT_ONLY: Explanation(
        "The signer is in the old list, but only as CCM+TFTP.",
        "Sources disagree: some phone loads take such a list, others ask TVS. Old models without TVS may be stranded.",
        "Treat it as broken unless you have seen your models take it.",
    ),
    Code.NO_ANCHOR_SURVIVES: Explanation(
        "No SAST key of the old list is in the new one.",
        "A phone that is off now and misses this publication cannot verify any later one.",
        "Keep one old SAST in the list until every phone has taken it, the ones in drawers included.",
    ),
    Code.ROLLBACK: Explanation(
        "The list was signed before the previous one.",
        "Phones are not known to mind, so an old list with a retired key can come back: by a restore, or by intent.",
        "Find out whether a backup was restored or a node serves an old file.",
    ),
    Code.CTL_ITL_SIGNER: Explanation(
        "The ITL's signer is no SAST of the CTL.",
        "Phones in mixed mode verify the ITL against the CTL first and must now ask TVS for every new ITL.",
        "Run `utils ctl update CTLFile` on the publisher, then restart services and phones as it says.",
    ),
    Code.CTL_ITL_DISAGREE: Explanation(
        "A CCM+TFTP or CAPF certificate of the ITL is not in the CTL with that key.",
        "Secure phones reject that node or CAPF when they next look: the CTL is stale.",
        "Run `utils ctl update CTLFile` on the publisher, then restart services and phones as it says.",
    ),
    Code.CERTIFICATE_LESS_RECORD: Explanation(
        "A record has no certificate, as CUCM keeps it after a return to non-secure mode.",
        "It grants no trust. That is normal there.",
        "None.",
    ),
    Code.SAST_ALSO_CCM_TFTP: Explanation(
        "A SAST key is the CallManager key of a node too, as in tokenless CTLs.",
        "Renewing that CallManager certificate takes an anchor away at the same time.",
        "Before renewing it, make sure every phone holds a list in which ITLRecovery is SAST.",
    ),
    Code.NOT_DECRYPTED: Explanation(
        "No phone key was given, so the encrypted content was not looked at.",
        "The signature covers the ciphertext only.",
        "Give the phone's private key with --decrypt-key where you have it.",
    ),
    Code.UNREADABLE: Explanation(
        "The file is missing, may not be read, or is no regular file.",
        "Nothing was checked, so nothing is known.",
        "Check the path and the permissions.",
    ),
    Code.UNREACHABLE: Explanation(
        "The file could not be fetched.",
        "Nothing was checked, so nothing is known.",
        "The message says what happened and what to try.",
    ),
    Code.NO_LISTS: Explanation(
        "The directory has no .tlv and no .sgn file.",
        "Nothing was checked, so nothing is known.",
        "Check the path; files are not searched for in sub-directories.",
    ),
    Code.NO_TRUST_LIST: Explanation(
        "A signed file was given without a trust list that says who may sign it.",
        "Its structure was looked at, its signature could not be.",
        "Give the CTL or ITL that the phone holds with --trust-list.",
    ),
    Code.HELPER_UNUSABLE: Explanation(
        "A file given beside the target does not fit it, such as an ITL as the previous list of a CTL.",
        "What it was given for could not be decided.",
        "Give a file of the right kind.",
    ),
    Code.NOT_COMPARED: Explanation(
        "The list could not be held against the certificates in use: the cluster does not tell all of them, cannot be "
        "asked, or has no CTL to compare with.",
        "Whether the list is stale, nobody knows.",
        "`ctlctl cluster doctor NAME` says what does not work; then verify again.",
    ),
}
