"""The words AXL uses, and what becomes of a word that is not among them.

The lists are those of AXL 11.5, 12.5 and 14.0, which agree. AXL's own schema accepts any other word too, so they are
checked here: before sending, and when reading, where an unknown word is kept and can be told from a known one.
"""

from enum import StrEnum
from typing import TypeVar

_E = TypeVar("_E", bound=StrEnum)


class UnknownText(str):
    """A word of the cluster that this version of ctlctl does not know: the text itself, flagged by its type."""

    __slots__ = ()


class CertificateOperation(StrEnum):
    """XCertificateOperation: what CAPF is told to do with a device or a user."""

    NONE = "No Pending Operation"
    INSTALL = "Install/Upgrade"
    DELETE = "Delete"
    TROUBLESHOOT = "Troubleshoot"


class AuthenticationMode(StrEnum):
    """XAuthenticationMode: how a device proves itself to CAPF."""

    STRING = "By Authentication String"
    NULL = "By Null String"
    LSC = "By Existing Certificate (precedence to LSC)"
    MIC = "By Existing Certificate (precedence to MIC)"


class KeySize(StrEnum):
    """XKeySize: bits of an RSA key."""

    RSA_512 = "512"
    RSA_1024 = "1024"
    RSA_2048 = "2048"
    RSA_3072 = "3072"
    RSA_4096 = "4096"


class EcKeySize(StrEnum):
    """XECKeySize: bits of an elliptic curve key."""

    EC_256 = "256"
    EC_384 = "384"
    EC_521 = "521"


class KeyOrder(StrEnum):
    """XKeyOrder: which kind of key CAPF asks for."""

    RSA_ONLY = "RSA Only"
    EC_ONLY = "EC Only"
    EC_PREFERRED = "EC Preferred, RSA Backup"


class DeviceSecurityMode(StrEnum):
    """XDeviceSecurityMode, of a phone security profile."""

    NON_SECURE = "Non Secure"
    AUTHENTICATED = "Authenticated"
    ENCRYPTED = "Encrypted"


class TransportType(StrEnum):
    """XTransport, of a SIP phone security profile."""

    TCP = "TCP"
    UDP = "UDP"
    TLS = "TLS"
    TCP_UDP = "TCP+UDP"


class NodeUsage(StrEnum):
    """XNodeUsage."""

    PUBLISHER = "Publisher"
    SUBSCRIBER = "Subscriber"


class NodeRole(StrEnum):
    """XProcessNodeRole."""

    VOICE = "CUCM Voice/Video"
    PRESENCE = "CUCM IM and Presence"


class ChangeAction(StrEnum):
    """XChangeAction: added, removed, updated."""

    ADDED = "a"
    REMOVED = "r"
    UPDATED = "u"


class ChangeKind(StrEnum):
    """The kinds of XChangeType that matter for trust; AXL has some 200."""

    PHONE = "Phone"
    PHONE_SECURITY_PROFILE = "PhoneSecurityProfile"
    APPLICATION_USER_CAPF_PROFILE = "ApplicationUserCapfProfile"
    END_USER_CAPF_PROFILE = "EndUserCapfProfile"
    SERVICE_PARAMETER = "ServiceParameter"
    PROCESS_NODE = "ProcessNode"
    PROCESS_NODE_SERVICE = "ProcessNodeService"
    CALL_MANAGER = "CallManager"
    CALL_MANAGER_GROUP = "CallManagerGroup"
    DEVICE_POOL = "DevicePool"
    SRST = "Srst"
    SIP_TRUNK_SECURITY_PROFILE = "SipTrunkSecurityProfile"
    COMMON_PHONE_CONFIG = "CommonPhoneConfig"
    TVS_CERTIFICATE = "TvsCertificate"
    SECURE_CONFIG = "SecureConfig"


class CertificateStatus(StrEnum):
    """XCertificateStatus: how CAPF's last operation went."""

    NONE = "None"
    PENDING = "Operation Pending"
    UPGRADED = "Upgrade Success"
    DELETED = "Delete Success"
    TROUBLESHOT = "Troubleshoot Success"
    UPGRADE_FAILED = "Upgrade Failed"
    DELETE_FAILED = "Delete Failed"
    TROUBLESHOOT_FAILED = "Troubleshoot Failed"
    UPGRADE_INVALID_LSC = "Upgrade Failed: Invalid LSC"
    UPGRADE_INVALID_STRING = "Upgrade Failed: Invalid Authentication String"
    UPGRADE_INVALID_MIC = "Upgrade Failed: Invalid MIC"
    UPGRADE_INVALID_CREDENTIALS = "Upgrade Failed: Invalid Credentials"
    UPGRADE_PHONE_COMMUNICATION = "Upgrade Failed: Phone Communication Failure"
    UPGRADE_KEY_GENERATION = "Upgrade Failed: Key Generation Failed/Timeout"
    UPGRADE_CA_COMMUNICATION = "Upgrade Failed: CA Communication Failure"
    UPGRADE_CA_REJECTED = "Upgrade Failed: CA Rejected Connection"
    UPGRADE_LATE = "Upgrade Failed: User Initiated Request Late/Timedout"
    DELETE_INVALID_LSC = "Delete Failed: Invalid LSC"
    DELETE_INVALID_STRING = "Delete Failed: Invalid Authentication String"
    DELETE_INVALID_MIC = "Delete Failed: Invalid MIC"
    DELETE_INVALID_CREDENTIALS = "Delete Failed: Invalid Credentials"
    DELETE_PHONE_COMMUNICATION = "Delete Failed: Phone Communication Failure"
    DELETE_KEY_GENERATION = "Delete Failed: Key Generation Failed/Timeout"
    DELETE_CA_COMMUNICATION = "Delete Failed: CA Communication Failure"
    DELETE_CA_REJECTED = "Delete Failed: CA Rejected Connection"
    DELETE_LATE = "Delete Failed: User Initiated Request Late/Timedout"
    TROUBLESHOOT_INVALID_LSC = "Troubleshoot Failed: Invalid LSC"
    TROUBLESHOOT_INVALID_STRING = "Troubleshoot Failed: Invalid Authentication String"
    TROUBLESHOOT_INVALID_MIC = "Troubleshoot Failed: Invalid MIC"
    TROUBLESHOOT_INVALID_CREDENTIALS = "Troubleshoot Failed: Invalid Credentials"
    TROUBLESHOOT_PHONE_COMMUNICATION = "Troubleshoot Failed: Phone Communication Failure"
    TROUBLESHOOT_KEY_GENERATION = "Troubleshoot Failed: Key Generation Failed/Timeout"
    TROUBLESHOOT_LATE = "Troubleshoot Failed: User Initiated Request Late/Timedout"
    UPGRADE_EC_UNSUPPORTED = "Upgrade Failed: No Support for EC only in CAPF version 3"


def read_word(kind: type[_E], text: str | None) -> _E | UnknownText | None:
    """Read a word of the cluster.

    Args:
        kind: What it should be one of.
        text: The word; None or "" where there is none.

    Returns:
        The member; the text itself as `UnknownText` if it is none of them; None if there is no word.
    """
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        return UnknownText(text)
