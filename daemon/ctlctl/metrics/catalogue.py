"""Every gauge about clusters. Names and labels are a contract: rules and dashboards of others hang on them.

docs/metrics.md says the same at length.
"""

from typing import Final

from ctlctl.metrics.sheet import Doubles, Gauge

_LIST: Final = ("cluster", "node", "type")
_CERTIFICATE: Final = ("cluster", "node", "unit", "store")
_SOURCE: Final = ("cluster", "source")
_NODE: Final = ("cluster", "node")
_ENROLMENT: Final = ("cluster", "enrolment")

CLUSTER_INFO: Final = Gauge(
    "ctl_cluster_info", "1 for each cluster that is watched.", ("cluster", "version", "lab"), Doubles.GREATEST
)
SECURITY_MODE: Final = Gauge(
    "ctl_cluster_security_mode", "Security mode: 1 mixed, 0 non-secure, -1 not known.", ("cluster",), Doubles.LEAST
)
WORST_SEVERITY: Final = Gauge(
    "ctl_cluster_worst_severity",
    "Worst open finding: 4 critical, 3 warning, 2 unknown, 1 info, 0 none.",
    ("cluster",),
    Doubles.GREATEST,
)
NODES: Final = Gauge("ctl_cluster_nodes", "Nodes that the cluster's database has.", ("cluster",))
ASSESSED: Final = Gauge(
    "ctl_cluster_assessed_timestamp_seconds", "When the cluster was assessed last.", ("cluster",), Doubles.LEAST
)
FINDINGS: Final = Gauge("ctl_findings", "Open findings.", ("cluster", "code", "severity"))
FINDINGS_CONCERNED: Final = Gauge(
    "ctl_findings_concerned",
    "Phones or things that open findings concern, where that is a number.",
    ("cluster", "code", "severity"),
)

PHONES: Final = Gauge(
    "ctl_phones",
    "Phones by what they show in TLS, security mode of their profile and family of models.",
    ("cluster", "credential", "security_mode", "model_family"),
)
PHONES_RETIRED: Final = Gauge("ctl_phones_retired", "Phones that are gone from the cluster's database.", ("cluster",))
LSC_EXPIRING: Final = Gauge(
    "ctl_phones_lsc_expiring",
    "Phones whose LSC ends within so many days; cumulative, ended ones not included.",
    ("cluster", "within"),
)
LSC_BY_ISSUER: Final = Gauge("ctl_phones_lsc_by_issuer", "Phones by issuer of their LSC.", ("cluster", "issuer"))
LSC_ENDING: Final = Gauge(
    "ctl_phones_lsc_ending", "Phones by month in which their LSC ends: 24 months and later.", ("cluster", "month")
)
REGISTERED: Final = Gauge("ctl_phones_registered", "Phones by what RIS says.", ("cluster", "status"))
NOT_TAKEN: Final = Gauge(
    "ctl_phones_list_not_taken", "Phones that have not taken the newest list; offline ones count.", ("cluster", "type")
)
LIST_HELD: Final = Gauge(
    "ctl_phone_list_hash",
    "Registered phones by what the checksum on their own pages says of the list they hold.",
    ("cluster", "type", "state"),
)
CAPF: Final = Gauge(
    "ctl_capf_operations", "Phones and CAPF profiles by status of their operation.", ("cluster", "kind", "status")
)

ENROLMENT_NOT_AFTER: Final = Gauge(
    "ctl_enrolment_not_after_timestamp_seconds",
    "Until when a user's certificate can be used: to its own end or that of who signed it, whichever is earlier.",
    _ENROLMENT,
    Doubles.LEAST,
)
ENROLMENT_RENEWED: Final = Gauge(
    "ctl_enrolment_last_renewal_timestamp_seconds",
    "When a user's certificate in use came.",
    _ENROLMENT,
    Doubles.LEAST,
)
ENROLMENT_STATE: Final = Gauge(
    "ctl_enrolment_state", "1 for how it stands with a user's certificate, 0 for the others.", (*_ENROLMENT, "state")
)

NOT_AFTER: Final = Gauge(
    "ctl_certificate_not_after_timestamp_seconds",
    "End of validity; of several certificates of a unit the earliest.",
    _CERTIFICATE,
    Doubles.LEAST,
)
CERTIFICATE_INFO: Final = Gauge(
    "ctl_certificate_info",
    "1 for each certificate of a node, and for each anchor in a trust store.",
    (*_CERTIFICATE, "serial", "common_name", "issuer_cn", "key_alg", "self_signed", "client_auth"),
    Doubles.GREATEST,
)
SERVED_MATCHES: Final = Gauge(
    "ctl_certificate_served_matches_installed",
    "1 where the ports of a unit present the certificate that is installed, 0 where they present another.",
    ("cluster", "node", "unit"),
    Doubles.LEAST,
)
CERTIFICATES_LEFT_OUT: Final = Gauge(
    "ctl_certificates_left_out", "Certificates that are too many to be shown; those that end last.", ("cluster",)
)

SERVICE_UP: Final = Gauge(
    "ctl_service_up",
    "1 where a service that should run is started, 0 where not.",
    ("cluster", "node", "service"),
    Doubles.LEAST,
)
REPLICATION: Final = Gauge(
    "ctl_replication_state",
    "Setup number of a node's database replication: 2 is good, -1 not told.",
    _NODE,
    Doubles.LEAST,
)
CLOCK: Final = Gauge(
    "ctl_ntp_synchronised", "1 where a node's clock is synchronised, 0 where not.", _NODE, Doubles.LEAST
)
BACKUP: Final = Gauge(
    "ctl_backup_last_success_timestamp_seconds",
    "When the last backup was taken that succeeded; 0 for never.",
    ("cluster",),
    Doubles.GREATEST,
)
TVS_UNAWARE: Final = Gauge(
    "ctl_tvs_unaware", "Certificates in use that TVS of a node does not vouch for.", _NODE, Doubles.GREATEST
)

LIST_VERDICT: Final = Gauge(
    "ctl_trust_list_verdict", "1 for the verdict on a list, 0 for the others.", (*_LIST, "verdict"), Doubles.GREATEST
)
LIST_INFO: Final = Gauge(
    "ctl_trust_list_info",
    "1 for the version of a list that is served.",
    (*_LIST, "sha256", "signer", "continuity"),
    Doubles.GREATEST,
)
LIST_SIGNATURE: Final = Gauge(
    "ctl_trust_list_signature_valid", "1 where the signature verifies, 0 where not.", _LIST, Doubles.LEAST
)
LIST_MISSING: Final = Gauge(
    "ctl_trust_list_missing_certificates",
    "Certificates in use that a list lacks, or has with another key.",
    _LIST,
    Doubles.GREATEST,
)
LIST_SURPLUS: Final = Gauge(
    "ctl_trust_list_surplus_certificates", "Certificates in a list that nobody uses.", _LIST, Doubles.GREATEST
)
LIST_SIZE: Final = Gauge("ctl_trust_list_size_bytes", "Size of a list.", _LIST, Doubles.GREATEST)
LIST_RECORDS: Final = Gauge("ctl_trust_list_records", "Records in a list.", _LIST, Doubles.GREATEST)
LIST_MODIFIED: Final = Gauge(
    "ctl_trust_list_modified_timestamp_seconds",
    "When the version that is served was signed; where that is not known, when it was first seen.",
    _LIST,
    Doubles.GREATEST,
)

COLLECT_SUCCESS: Final = Gauge(
    "ctl_collect_last_success_timestamp_seconds",
    "When a source last answered all that was asked; 0 for never.",
    _SOURCE,
    Doubles.LEAST,
)
COLLECT_UP: Final = Gauge(
    "ctl_collect_up", "1 where the last round of a source succeeded, 0 where not.", _SOURCE, Doubles.LEAST
)
COLLECT_FAULT: Final = Gauge(
    "ctl_collect_fault", "1 for the reason why the last round failed.", (*_SOURCE, "fault"), Doubles.GREATEST
)
COLLECT_INTERVAL: Final = Gauge(
    "ctl_collect_interval_seconds", "Time between two rounds of a source.", _SOURCE, Doubles.GREATEST
)

#: All of them, in the order of the exposition.
GAUGES: Final = (
    CLUSTER_INFO,
    SECURITY_MODE,
    WORST_SEVERITY,
    NODES,
    ASSESSED,
    FINDINGS,
    FINDINGS_CONCERNED,
    PHONES,
    PHONES_RETIRED,
    LSC_EXPIRING,
    LSC_BY_ISSUER,
    LSC_ENDING,
    REGISTERED,
    NOT_TAKEN,
    LIST_HELD,
    CAPF,
    ENROLMENT_NOT_AFTER,
    ENROLMENT_RENEWED,
    ENROLMENT_STATE,
    NOT_AFTER,
    CERTIFICATE_INFO,
    SERVED_MATCHES,
    CERTIFICATES_LEFT_OUT,
    SERVICE_UP,
    REPLICATION,
    CLOCK,
    BACKUP,
    TVS_UNAWARE,
    LIST_VERDICT,
    LIST_INFO,
    LIST_SIGNATURE,
    LIST_MISSING,
    LIST_SURPLUS,
    LIST_SIZE,
    LIST_RECORDS,
    LIST_MODIFIED,
    COLLECT_SUCCESS,
    COLLECT_UP,
    COLLECT_FAULT,
    COLLECT_INTERVAL,
)
