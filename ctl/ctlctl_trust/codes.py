"""Reason codes: the stable names of everything that can be found in a trust list or signed file.

A code never changes its meaning and is never renamed; it stands in JSON output, in metrics labels and in
docs/findings.md. The names of the structural and signature codes are those of the project's test vectors.
"""

from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is. Only ``error`` makes a file invalid."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Code(StrEnum):
    """Every reason code, errors first."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    TRUNCATED = "truncated"
    BAD_MAGIC = "bad-magic"
    VERSION = "version"
    HEADER_LENGTH_RANGE = "header-length-range"
    HEADER_LENGTH_MISMATCH = "header-length-mismatch"
    BAD_LENGTH = "bad-length"
    LENGTH_OVERFLOW = "length-overflow"
    CONTAINER_LENGTH_MISMATCH = "container-length-mismatch"
    UNKNOWN_TAG = "unknown-tag"
    DUPLICATE_TAG = "duplicate-tag"
    MISSING_TAG = "missing-tag"
    BAD_STRING = "bad-string"
    DIGEST = "digest"
    DIGEST_UNSUPPORTED = "digest-unsupported"
    SIGALG = "sigalg"
    MODULUS_MISMATCH = "modulus-mismatch"
    FILENAME = "filename"
    NO_RECORDS = "no-records"
    TOO_MANY_RECORDS = "too-many-records"
    RECORD_LENGTH_RANGE = "record-length-range"
    RECORD_LENGTH_MISMATCH = "record-length-mismatch"
    RECORD_MISSING_FIELD = "record-missing-field"
    RECORD_BAD_CERTIFICATE = "record-bad-certificate"
    RECORD_INCONSISTENT = "record-inconsistent"
    TRAILING_DATA = "trailing-data"
    SIGNER_MISSING = "signer-missing"
    SIGNER_ROLE = "signer-role"
    SIGNER_UNKNOWN = "signer-unknown"
    BAD_SIGNATURE = "bad-signature"
    ANCHOR_MISMATCH = "anchor-mismatch"
    CONTINUITY_BROKEN = "continuity-broken"
    KEY_SUBSTITUTED = "key-substituted"
    CIPHERTEXT_LENGTH = "ciphertext-length"
    KEY_UNWRAP = "key-unwrap"
    PLAINTEXT_PADDING = "plaintext-padding"
    PLAINTEXT_DIGEST = "plaintext-digest"
    CERTIFICATE_IN_USE_MISSING = "certificate-in-use-missing"

    DUPLICATE_RECORD = "duplicate-record"
    EXCESS_PADDING = "excess-padding"
    UNALIGNED_HEADER = "unaligned-header"
    IP_LENGTH = "ip-length"
    RECORD_EXPIRED = "record-expired"
    RECORD_NOT_YET_VALID = "record-not-yet-valid"
    SIGNER_EXPIRED = "signer-expired"
    SERIAL_REVERSED = "serial-reversed"
    SUBJECT_SPELLING = "subject-spelling"
    SIZE_OVER_64K = "size-over-64k"
    NEAR_SIZE_LIMIT = "near-size-limit"
    UNKNOWN_ROLE = "unknown-role"
    UNUSUAL_VERSION = "unusual-version"
    WEAK_DIGEST = "weak-digest"
    WEAK_KEY = "weak-key"
    EXPIRES_SOON = "expires-soon"
    SINGLE_SAST = "single-sast"
    ODD_CERTIFICATE = "odd-certificate"
    SIGNED_IN_FUTURE = "signed-in-future"
    CONTINUITY_LENIENT_ONLY = "continuity-lenient-only"
    NO_ANCHOR_SURVIVES = "no-anchor-survives"
    ROLLBACK = "rollback"
    CTL_ITL_SIGNER = "ctl-itl-signer"
    CTL_ITL_DISAGREE = "ctl-itl-disagree"

    CERTIFICATE_LESS_RECORD = "certificate-less-record"
    SAST_ALSO_CCM_TFTP = "sast-also-ccm-tftp"
    NOT_DECRYPTED = "not-decrypted"

    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"
    NO_LISTS = "no-lists"
    NO_TRUST_LIST = "no-trust-list"
    HELPER_UNUSABLE = "helper-unusable"
    NOT_COMPARED = "not-compared"


#: Codes under which nothing could be decided: they are errors of access, not of the file.
UNDECIDED: frozenset[Code] = frozenset(
    {Code.UNREADABLE, Code.UNREACHABLE, Code.NO_LISTS, Code.NO_TRUST_LIST, Code.HELPER_UNUSABLE, Code.NOT_COMPARED}
)

#: Codes under which a list is whole, but no longer what its cluster needs.
STALE: frozenset[Code] = frozenset({Code.CERTIFICATE_IN_USE_MISSING})

_WARNINGS = frozenset(
    {
        Code.DUPLICATE_RECORD,
        Code.EXCESS_PADDING,
        Code.UNALIGNED_HEADER,
        Code.IP_LENGTH,
        Code.RECORD_EXPIRED,
        Code.RECORD_NOT_YET_VALID,
        Code.SIGNER_EXPIRED,
        Code.SERIAL_REVERSED,
        Code.SUBJECT_SPELLING,
        Code.SIZE_OVER_64K,
        Code.NEAR_SIZE_LIMIT,
        Code.UNKNOWN_ROLE,
        Code.UNUSUAL_VERSION,
        Code.WEAK_DIGEST,
        Code.WEAK_KEY,
        Code.EXPIRES_SOON,
        Code.SINGLE_SAST,
        Code.ODD_CERTIFICATE,
        Code.SIGNED_IN_FUTURE,
        Code.CONTINUITY_LENIENT_ONLY,
        Code.NO_ANCHOR_SURVIVES,
        Code.ROLLBACK,
        Code.CTL_ITL_SIGNER,
        Code.CTL_ITL_DISAGREE,
    }
)
_INFOS = frozenset({Code.CERTIFICATE_LESS_RECORD, Code.SAST_ALSO_CCM_TFTP, Code.NOT_DECRYPTED})


def severity_of(code: Code) -> Severity:
    """Return the severity that ``code`` always has."""
    if code in _WARNINGS:
        return Severity.WARNING
    return Severity.INFO if code in _INFOS else Severity.ERROR
