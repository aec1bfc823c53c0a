"""Our own service descriptions: whole in themselves, and different for each version only where AXL is."""

import re
from importlib.resources import files

import pytest
from lxml import etree

from ctlctl.connectors import soap_wsdl
from ctlctl.connectors.soap_wsdl import describe, version_key

NAMES = {"w": "http://schemas.xmlsoap.org/wsdl/", "s": "http://schemas.xmlsoap.org/wsdl/soap/"}
XSD = "{http://www.w3.org/2001/XMLSchema}"
SCHEMAS = ["axl.xsd", "ris.xsd"]


def parsed(schema: str, version: str = "14.0") -> etree._Element:
    return etree.fromstring(describe(schema, action=f"CUCM:DB ver={version} {{operation}}", version=version))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_nothing_is_ever_looked_up_elsewhere(schema: str) -> None:
    found = parsed(schema)
    for name in ("import", "include", "redefine"):
        assert not list(found.iter(f"{XSD}{name}"))
    assert not found.xpath("//@schemaLocation")


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("version", ["11.5", "12.5", "14.0"])
def test_every_operation_names_itself_and_the_version(schema: str, version: str) -> None:
    operations = parsed(schema, version).findall("w:binding/w:operation", NAMES)
    assert operations
    for operation in operations:
        action = operation.find("s:operation", NAMES)
        assert action is not None
        assert action.get("soapAction") == f"CUCM:DB ver={version} {operation.get('name')}"


def test_versions_differ_in_what_came_later() -> None:
    def words(version: str) -> set[str]:
        text = describe("axl.xsd", action="", version=version).decode().replace(version, "")
        return set(re.findall(r'name="(\w+)"', text))

    assert words("12.5") == words("14.0")
    assert words("12.5") - words("11.5") == {"EnableOAuthAuthentication"}
    assert words("11.5") <= words("12.5")


def test_a_schema_without_a_namespace_is_a_mistake_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soap_wsdl, "_NAMESPACE", re.compile("nowhere"))
    with pytest.raises(ValueError, match="no target namespace"):
        describe("ris.xsd", action="{operation}")


def test_versions_are_compared_as_numbers() -> None:
    assert sorted(["14.0", "9.1", "12.5", "11.5"], key=version_key) == ["9.1", "11.5", "12.5", "14.0"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_schemas_are_installed_with_the_package(schema: str) -> None:
    assert files("ctlctl.connectors").joinpath("wsdl", schema).is_file()
