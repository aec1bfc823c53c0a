"""Words of the lab: spelled as AXL, RIS and the certificate chapters spell them."""

#: Organization of every certificate of a lab; what marks it as one.
LAB_ORGANIZATION = "LAB ctlctl"
#: The pseudo node under which CUCM keeps enterprise parameters and cluster-wide service parameters.
ENTERPRISE_NODE = "EnterpriseWideData"
ENTERPRISE_SERVICE = "Enterprise Wide"
#: Where the cluster's security mode is kept: "0" for non-secure, "1" for mixed mode.
SECURITY_MODE_PARAMETER = (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "ClusterSecurityMode")

# Certificate units of a node, as `show cert own` names them.
TOMCAT, CALLMANAGER, TVS, CAPF, ITL_RECOVERY = "tomcat", "CallManager", "TVS", "CAPF", "ITLRecovery"
IPSEC = "ipsec"

# Services, with the exact names of the XService enum.
SERVICE_CALLMANAGER = "Cisco CallManager"
SERVICE_TFTP = "Cisco Tftp"
SERVICE_CAPF = "Cisco Certificate Authority Proxy Function"
SERVICE_TVS = "Cisco Trust Verification Service"
SERVICE_CTI = "Cisco CTIManager"
SERVICE_CTL_PROVIDER = "Cisco CTL Provider"
SERVICE_TOMCAT = "Cisco Tomcat"

#: Services that every node has, and that cannot be activated or deactivated ("Control Center – Network Services").
NETWORK_SERVICES = (
    SERVICE_TVS,
    SERVICE_TOMCAT,
    "Cisco AXL Web Service",
    "Cisco Certificate Change Notification Service",
    "Cisco Certificate Expiry Monitor",
    "Cisco Database Layer Monitor",
    "Cisco DRF Local",
    "Cisco RIS Data Collector",
    "Platform Administrative Web Service",
    "Platform Communication Web Service",
)
#: The network service of the publisher alone.
SERVICE_DRF_MASTER = "Cisco DRF Master"
#: Services that an administrator activates.
FEATURE_SERVICES = (
    SERVICE_CALLMANAGER,
    SERVICE_TFTP,
    SERVICE_CTI,
    SERVICE_CTL_PROVIDER,
    SERVICE_CAPF,
    "Cisco Certificate Enrollment Service",
    "Cisco Extended Functions",
    "Cisco IP Manager Assistant",
    "Cisco WebDialer Web Service",
)
#: What a service presents or signs with, by unit: whoever renews a certificate has these to restart.
USERS_OF_UNITS = {
    TOMCAT: (SERVICE_TOMCAT, SERVICE_TFTP),
    CALLMANAGER: (SERVICE_CALLMANAGER, SERVICE_TFTP),
    TVS: (SERVICE_TVS,),
    CAPF: (SERVICE_CAPF,),
}

# XCertificateOperation and the values of XCertificateStatus that the lab itself sets.
NO_OPERATION = "No Pending Operation"
INSTALL, DELETE, TROUBLESHOOT = "Install/Upgrade", "Delete", "Troubleshoot"
STATUS_NONE, STATUS_PENDING = "None", "Operation Pending"

#: How a user and an instance are put into the device name of an AUTH_RESPONSE; ``{user}`` and ``{instance}`` stand for
#: them. How a genuine CAPF has them is not public. The switch ``capf-user-name`` sets another.
CAPF_USER_NAME_FORMAT = "{user}"

# XAuthenticationMode.
BY_STRING, BY_NULL = "By Authentication String", "By Null String"
BY_LSC = "By Existing Certificate (precedence to LSC)"
BY_MIC = "By Existing Certificate (precedence to MIC)"

# XDeviceSecurityMode.
NON_SECURE, AUTHENTICATED, ENCRYPTED = "Non Secure", "Authenticated", "Encrypted"

# RIS Status.
REGISTERED, UNREGISTERED, REJECTED, UNKNOWN = "Registered", "UnRegistered", "Rejected", "Unknown"

#: Status message of a phone whose trust in the cluster is broken.
TRUST_FAILED = "Trust List Update Failed"
