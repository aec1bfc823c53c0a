"""The types of Control Center Services, from which the WSDL comes that the lab publishes.

Facts: names, order, types, nillability and numbers of ControlCenterServices.wsdl of CUCM 12.5.
"""

from collections.abc import Iterator
from typing import Final

from ctlctl_lab.soap.ris_types import NAMESPACE

#: Operation -> its one element, and the type of what it returns. The odd name in the first is Cisco's.
OPERATIONS: Final = {
    "soapGetStaticServiceList": ("ServiceInformationResponse string!", "StaticServiceList"),
    "soapGetServiceStatus": ("ServiceStatus string!+", "ServiceInformationResponse"),
    "soapDoServiceDeployment": ("DeploymentServiceRequest DeploymentServiceRequest!", "ServiceInformationResponse"),
    "soapDoControlServices": ("ControlServiceRequest ControlServiceRequest!", "ServiceInformationResponse"),
    "getProductInformationList": ("ServiceInfo string!", "GetProductInformationListResponse"),
}

#: Types: "name type" of each element in order; behind it "!" for one that cannot be nil, "*" for one that comes any
#: number of times, "+" for one that comes at least once.
TYPES: Final = {
    "DependentServices": ("Service string!*",),
    "ArrayOfServices": ("item string*",),
    "ServiceSpecification": (
        *("ServiceName string", "ServiceType ServiceTypes", "Deployable boolean!", "GroupName string"),
        "DependentServices DependentServices",
    ),
    "ArrayOfServiceSpecification": ("item ServiceSpecification!*",),
    "StaticServiceList": ("Services ArrayOfServiceSpecification",),
    "ServiceInformation": (
        *("ServiceName string", "ServiceStatus ServiceStatus", "ReasonCode integer", "ReasonCodeString string"),
        *("StartTime string", "UpTime integer"),
    ),
    "ArrayOfServiceInformation": ("item ServiceInformation!*",),
    "ServiceInformationResponse": (
        *("ReturnCode ReturnCode", "ReasonCode integer", "ReasonString string"),
        "ServiceInfoList ArrayOfServiceInformation",
    ),
    "DeploymentServiceRequest": ("NodeName string", "DeployType DeployType", "ServiceList ArrayOfServices"),
    "ControlServiceRequest": ("NodeName string", "ControlType ControlType", "ServiceList ArrayOfServices"),
    "InstalledProduct": (
        *("ProductName string", "ProductVersion string", "ProductDescription string", "ProductID string"),
        "ShortName string",
    ),
    "ArrayOfInstalledProduct": ("item InstalledProduct!*",),
    "ProductServiceSpecification": (
        *("ServiceName string", "ServiceType ServiceTypes", "Deployable boolean!", "GroupName string"),
        *("ProductID string", "DependentServices DependentServices"),
    ),
    "ArrayOfProductServiceSpecification": ("item ProductServiceSpecification!*",),
    "GetProductInformationListResponse": (
        *("ActiveServerVersion string", "PrimaryNode string", "SecondaryNode string"),
        *("Products ArrayOfInstalledProduct", "Services ArrayOfProductServiceSpecification"),
    ),
}
#: Enumerations.
ENUMS: Final = {
    "ServiceTypes": ("Service", "Servlet"),
    "ServiceStatus": ("Started", "Stopped", "Starting", "Stopping", "Unknown"),
    "DeployType": ("Deploy", "UnDeploy"),
    "ControlType": ("Start", "Stop", "Restart"),
}
_BUILT_IN: Final = frozenset({"string", "boolean", "integer"})
_NAME: Final = "ControlCenterServices"


def wsdl(address: str) -> bytes:
    """Return the service's description.

    Args:
        address: URL of the service.
    """
    messages = "".join(
        f'<message name="{name}"><part name="parameters" element="tns:{name}"/></message>\n'
        for operation in OPERATIONS
        for name in (operation, f"{operation}Response")
    )
    ports = "".join(
        f'<operation name="{name}"><input message="tns:{name}"/><output message="tns:{name}Response"/></operation>\n'
        for name in OPERATIONS
    )
    bindings = "".join(
        f'<operation name="{name}"><soap:operation soapAction="{name}"/><input><soap:body use="literal"/></input>'
        '<output><soap:body use="literal"/></output></operation>\n'
        for name in OPERATIONS
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
        f' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="{NAMESPACE}" targetNamespace="{NAMESPACE}">\n'
        f'<types><xsd:schema elementFormDefault="qualified" targetNamespace="{NAMESPACE}">\n{"".join(_schema())}'
        f'</xsd:schema></types>\n{messages}<portType name="{_NAME}Port">{ports}</portType>\n'
        f'<binding name="{_NAME}Binding" type="tns:{_NAME}Port"><soap:binding style="document"'
        f' transport="http://schemas.xmlsoap.org/soap/http"/>{bindings}</binding>\n'
        f'<service name="{_NAME}"><port name="{_NAME}Port" binding="tns:{_NAME}Binding">'
        f'<soap:address location="{address}"/></port></service>\n</definitions>\n'
    ).encode()


def _schema() -> Iterator[str]:
    for operation, (request, result) in OPERATIONS.items():
        for name, inside in ((operation, request), (f"{operation}Response", f"{operation}Return {result}!")):
            yield (
                f'<xsd:element name="{name}"><xsd:complexType><xsd:sequence>{_element(inside)}</xsd:sequence>'
                "</xsd:complexType></xsd:element>\n"
            )
    for name, elements in TYPES.items():
        inside = "".join(map(_element, elements))
        yield f'<xsd:complexType name="{name}"><xsd:sequence>{inside}</xsd:sequence></xsd:complexType>\n'
    for name, words in ENUMS.items():
        values = "".join(f'<xsd:enumeration value="{word}"/>' for word in words)
        yield (
            f'<xsd:simpleType name="{name}"><xsd:restriction base="xsd:string">{values}</xsd:restriction>'
            "</xsd:simpleType>\n"
        )
    yield (
        '<xsd:complexType name="ReturnCode"><xsd:simpleContent><xsd:extension base="xsd:string"/></xsd:simpleContent>'
        "</xsd:complexType>\n"
    )


def _element(words: str) -> str:
    name, kind = words.split()
    bare = kind.rstrip("!*+")
    marks = kind[len(bare) :]
    attributes = "" if "!" in marks else ' nillable="true"'
    attributes += ' minOccurs="0"' if "*" in marks else ""
    attributes += "" if not marks.strip("!") else ' maxOccurs="unbounded"'
    return f'<xsd:element name="{name}" type="{"xsd" if bare in _BUILT_IN else "tns"}:{bare}"{attributes}/>'
