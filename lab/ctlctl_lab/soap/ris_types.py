"""The types of RisPort70, once: the WSDL that the lab publishes and the answers it writes both come from here.

Facts: names, order, types and nillability of RISService70.wsdl of CUCM 12.5.
"""

from typing import Final

NAMESPACE: Final = "http://schemas.cisco.com/ast/soap"

_STATUS: Final = ("Any", "Registered", "UnRegistered", "Rejected", "PartiallyRegistered", "Unknown")
#: Enumerations.
ENUMS: Final = {
    "CmSelectBy": ("Name", "IPV4Address", "IPV6Address", "DirNumber", "Description"),
    "ProtocolType": ("Any", "SCCP", "SIP", "Unknown"),
    "DeviceDownloadStatus": ("Any", "Upgrading", "Successful", "Failed", "Unknown"),
    "RisReturnCode": ("Ok", "NotFound", "InvalidRequest", "InternalError", "NodeNotResponding", "InvalidNodeName"),
    "DeviceClass": (
        *("Any", "Phone", "Gateway", "H323", "Cti", "VoiceMail", "MediaResources", "SIPTrunk", "HuntList"),
        "Unknown",
    ),
    "CmDevHttpd": ("Yes", "No", "Unknown"),
    "CmDevRegStat": _STATUS,
    "CmSingleLineStatus": tuple(word for word in _STATUS if word != "PartiallyRegistered"),
    "IPAddrType": ("ipv4", "ipv6"),
    # "Adminstrative" is RIS's own spelling.
    "AttributeType": ("Unknown", "Adminstrative", "Signaling", "AdministrativeAndSignaling"),
}

#: Types: "name type" of each element in order; "!" behind it for one that cannot be nil.
TYPES: Final = {
    "SelectItem": ("Item string",),
    "CmSelectionCriteria": (
        *("MaxReturnedDevices unsignedInt", "DeviceClass string", "Model unsignedInt", "Status string"),
        *("NodeName string", "SelectBy CmSelectBy", "SelectItems ArrayOfSelectItem", "Protocol ProtocolType"),
        "DownloadStatus DeviceDownloadStatus",
    ),
    "selectCmDeviceReturn": ("SelectCmDeviceResult SelectCmDeviceResult!", "StateInfo string!"),
    "SelectCmDeviceResult": ("TotalDevicesFound unsignedInt", "CmNodes ArrayOfCmNode"),
    "CmNode": ("ReturnCode RisReturnCode", "Name string", "NoChange boolean!", "CmDevices ArrayOfCmDevice"),
    "CmDevice": (
        *("Name string", "DirNumber string", "DeviceClass DeviceClass", "Model unsignedInt", "Product unsignedInt"),
        *("BoxProduct unsignedInt", "Httpd CmDevHttpd", "RegistrationAttempts unsignedInt"),
        *("IsCtiControllable boolean!", "LoginUserId string", "Status CmDevRegStat", "StatusReason unsignedInt"),
        *("PerfMonObject unsignedInt", "DChannel unsignedInt", "Description string", "H323Trunk H323Trunk"),
        *("TimeStamp unsignedInt", "Protocol ProtocolType", "NumOfLines unsignedInt"),
        *("LinesStatus ArrayOfCmDevSingleLineStatus", "ActiveLoadID string", "InactiveLoadID string"),
        *("DownloadStatus DeviceDownloadStatus", "DownloadFailureReason string", "DownloadServer string"),
        "IPAddress ArrayOfIPAddressArrayType!",
    ),
    "CmDevSingleLineStatus": ("DirectoryNumber string", "Status CmSingleLineStatus"),
    "IPAddressArrayType": ("IP string!", "IPAddrType IPAddrType!", "Attribute AttributeType"),
    "H323Trunk": tuple(
        f"{name} string"
        for name in (
            *("ConfigName", "TechPrefix", "Zone", "RemoteCmServer1", "RemoteCmServer2", "RemoteCmServer3"),
            *("AltGkList", "ActiveGk", "CallSignalAddr", "RasAddr"),
        )
    ),
}
_ARRAYS: Final = ("SelectItem", "CmNode", "CmDevice", "CmDevSingleLineStatus", "IPAddressArrayType")
OPERATIONS: Final = ("selectCmDevice", "selectCmDeviceExt")

_BUILT_IN: Final = frozenset({"string", "unsignedInt", "boolean"})


def wsdl(address: str) -> bytes:
    """Return the service's description.

    Args:
        address: URL of the service.
    """
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
        f' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="{NAMESPACE}" targetNamespace="{NAMESPACE}">\n'
        f'<types><xsd:schema elementFormDefault="qualified" targetNamespace="{NAMESPACE}">\n{_schema()}'
        f"</xsd:schema></types>\n{_binding()}"
        '<service name="RISService70"><port name="RisPort70" binding="tns:RisBinding">'
        f'<soap:address location="{address}"/></port></service>\n</definitions>\n'
    ).encode()


def _schema() -> str:
    parts = [
        f'<xsd:element name="{name}"><xsd:complexType><xsd:sequence>{_element("StateInfo string!")}'
        f"{_element('CmSelectionCriteria CmSelectionCriteria!')}</xsd:sequence></xsd:complexType></xsd:element>\n"
        for name in OPERATIONS
    ]
    inside = _element("selectCmDeviceReturn selectCmDeviceReturn!")
    parts.append(
        f'<xsd:element name="selectCmDeviceResponse"><xsd:complexType><xsd:sequence>{inside}</xsd:sequence>'
        "</xsd:complexType></xsd:element>\n"
    )
    parts += [
        f'<xsd:complexType name="{name}"><xsd:sequence>{"".join(map(_element, elements))}</xsd:sequence>'
        "</xsd:complexType>\n"
        for name, elements in TYPES.items()
    ]
    parts += [
        f'<xsd:complexType name="ArrayOf{name}"><xsd:sequence><xsd:element name="item" type="tns:{name}" minOccurs="0"'
        ' maxOccurs="unbounded"/></xsd:sequence></xsd:complexType>\n'
        for name in _ARRAYS
    ]
    for name, words in ENUMS.items():
        values = "".join(f'<xsd:enumeration value="{word}"/>' for word in words)
        parts.append(
            f'<xsd:simpleType name="{name}"><xsd:restriction base="xsd:string">{values}</xsd:restriction>'
            "</xsd:simpleType>\n"
        )
    return "".join(parts)


def _element(words: str) -> str:
    name, kind = words.split()
    nillable = "" if kind.endswith("!") else ' nillable="true"'
    kind = kind.rstrip("!")
    return f'<xsd:element name="{name}" type="{"xsd" if kind in _BUILT_IN else "tns"}:{kind}"{nillable}/>'


def _binding() -> str:
    parts = ['<message name="answer"><part name="parameters" element="tns:selectCmDeviceResponse"/></message>\n']
    parts += [
        f'<message name="{name}"><part name="parameters" element="tns:{name}"/></message>\n' for name in OPERATIONS
    ]
    ports = "".join(
        f'<operation name="{name}"><input message="tns:{name}"/><output message="tns:answer"/></operation>'
        for name in OPERATIONS
    )
    bindings = "".join(
        f'<operation name="{name}"><soap:operation soapAction="{name}"/><input><soap:body use="literal"/></input>'
        '<output><soap:body use="literal"/></output></operation>'
        for name in OPERATIONS
    )
    parts.append(f'<portType name="RisPortType">{ports}</portType>\n')
    parts.append(
        '<binding name="RisBinding" type="tns:RisPortType"><soap:binding style="document"'
        f' transport="http://schemas.xmlsoap.org/soap/http"/>{bindings}</binding>\n'
    )
    return "".join(parts)
