"""The words of AXL's enumerations, in the order of AXLEnums.xsd; alike in 11.5, 12.5 and 14.0."""

from typing import Final

_FAILURES: Final = (
    "Invalid LSC",
    "Invalid Authentication String",
    "Invalid MIC",
    "Invalid Credentials",
    "Phone Communication Failure",
    "Key Generation Failed/Timeout",
    "CA Communication Failure",
    "CA Rejected Connection",
    "User Initiated Request Late/Timedout",
)
_NO_CA: Final = frozenset({"CA Communication Failure", "CA Rejected Connection"})
#: XCertificateStatus.
STATUSES: Final = (
    "None",
    "Operation Pending",
    "Upgrade Success",
    "Delete Success",
    "Troubleshoot Success",
    "Upgrade Failed",
    "Delete Failed",
    "Troubleshoot Failed",
    *(f"Upgrade Failed: {why}" for why in _FAILURES),
    *(f"Delete Failed: {why}" for why in _FAILURES),
    *(f"Troubleshoot Failed: {why}" for why in _FAILURES if why not in _NO_CA),
    "Upgrade Failed: No Support for EC only in CAPF version 3",
)
#: XCertificateOperation.
OPERATIONS: Final = ("No Pending Operation", "Install/Upgrade", "Delete", "Troubleshoot")
#: XDeviceSecurityMode.
SECURITY_MODES: Final = ("Non Secure", "Authenticated", "Encrypted")
#: XAuthenticationMode.
AUTHENTICATION_MODES: Final = (
    "By Authentication String",
    "By Null String",
    "By Existing Certificate (precedence to LSC)",
    "By Existing Certificate (precedence to MIC)",
)
#: XTransport.
TRANSPORTS: Final = ("TCP", "UDP", "TLS", "TCP+UDP")
#: XKeySize and XECKeySize; one type table of the database has both.
KEY_SIZES: Final = ("512", "1024", "2048", "3072", "4096")
EC_KEY_SIZES: Final = ("256", "384", "521")
#: XKeyOrder.
KEY_ORDERS: Final = ("RSA Only", "EC Only", "EC Preferred, RSA Backup")
#: XCertificateService; the fourth and the sixth are known to have these numbers in the database.
CERTIFICATE_SERVICES: Final = (
    *("Phone-trust", "Phone-VPN-trust", "CallManager", "CallManager-trust", "tomcat", "tomcat-trust", "ipsec"),
    *("ipsec-trust", "CAPF", "CAPF-trust", "TVS", "TVS-trust", "directory-trust", "Phone-SAST-trust"),
    *("Phone-CTL-trust", "userlicensing-trust", "ITLRecovery", "CallManager-ECDSA", "tomcat-ECDSA"),
    "Phone-CTL-ASA-trust",
)
