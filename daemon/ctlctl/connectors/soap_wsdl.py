"""Our own service descriptions: the schema files beside this module, and the WSDL round them made here.

CUCM's own AXL schema may not be shipped, takes 0.7 s to read and 130 MB to hold. The part of it that is needed here is
read in a twentieth of that.
"""

import re
from importlib.resources import files
from typing import Final
from xml.sax.saxutils import quoteattr

_SINCE: Final = re.compile(r"^.*<!-- since (\d+\.\d+) -->\n", re.MULTILINE)
_REQUEST: Final = re.compile(r'^  <xsd:element name="(\w+)"><xsd:complexType>', re.MULTILINE)
_DECLARATION: Final = re.compile(r"^<\?xml[^>]*\?>\s*")
_NAMESPACE: Final = re.compile(r'targetNamespace="([^"]+)"')

# Name of the one binding and service of every description made here.
SERVICE_NAMESPACE: Final = "urn:ctlctl:service"
BINDING: Final = f"{{{SERVICE_NAMESPACE}}}binding"


def version_key(version: str) -> tuple[int, ...]:
    """Make versions such as "9.1" and "12.5" comparable."""
    return tuple(int(part) for part in version.split("."))


def describe(schema_file: str, *, action: str, version: str = "0.0") -> bytes:
    """Make a WSDL of one of our schema files.

    Every element at the first level of the schema whose type stands in it is an operation of that name; answers are
    of any type, because zeep does not read them.

    Args:
        schema_file: Name of the file in `wsdl/`.
        action: The SOAPAction of an operation, with `{operation}` in it.
        version: What to speak; elements that came later are left out.

    Returns:
        The WSDL with the schema inside, so nothing is ever looked up elsewhere.
    """
    schema = files("ctlctl.connectors").joinpath("wsdl", schema_file).read_text(encoding="utf-8")
    spoken = version_key(version)
    schema = _SINCE.sub(lambda line: line[0] if version_key(line[1]) <= spoken else "", schema)
    schema = _DECLARATION.sub("", schema).replace("@VERSION@", version)
    namespace = _NAMESPACE.search(schema)
    if namespace is None:
        raise ValueError(f"the schema {schema_file} has no target namespace")
    operations = _REQUEST.findall(schema)
    messages = "".join(
        f'<message name="{name}"><part name="parameters" element="t:{name}"/></message>' for name in operations
    )
    ports = "".join(
        f'<operation name="{name}"><input message="s:{name}"/><output message="s:answer"/></operation>'
        for name in operations
    )
    bindings = "".join(
        f'<operation name="{name}"><soap:operation soapAction={quoteattr(action.format(operation=name))}/>'
        f'<input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>'
        for name in operations
    )
    return (
        '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
        f' xmlns:s="{SERVICE_NAMESPACE}" xmlns:t="{namespace[1]}" targetNamespace="{SERVICE_NAMESPACE}">'
        f"<types>{schema}</types>"
        f'{messages}<message name="answer"><part name="parameters" element="t:answer"/></message>'
        f'<portType name="port">{ports}</portType>'
        '<binding name="binding" type="s:port">'
        f'<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>{bindings}</binding>'
        '<service name="service"><port name="port" binding="s:binding"><soap:address location="https://invalid/"/>'
        "</port></service></definitions>"
    ).encode()
