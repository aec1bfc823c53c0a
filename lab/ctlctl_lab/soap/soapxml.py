"""SOAP 1.1 on the server's side: reading requests that may be hostile, and writing answers.

A request has no document type, no entity but the five of XML, and bounds on its size, depth and number of elements;
whatever else comes in is a `BadRequestError`, never another exception.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

SOAP_NS: Final = "http://schemas.xmlsoap.org/soap/envelope/"
XSI_NS: Final = "http://www.w3.org/2001/XMLSchema-instance"
_NIL: Final = f"{XSI_NS} nil"

#: Bytes of a request: RIS with 1,000 names has some 60 kB.
MAX_REQUEST: Final = 2 * 1024 * 1024
_MAX_DEPTH: Final = 64
_MAX_ELEMENTS: Final = 50_000

#: Characters that XML 1.0 has no way to write.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL: Final = re.compile("[&<>]")


class BadRequestError(Exception):
    """The request is not what a SOAP request must be; the text says why."""


@dataclass(slots=True, eq=False)
class Element:
    """An element of a request.

    Attributes:
        namespace: its namespace, "" for none.
        name: its name there.
        attributes: by name; one of a namespace as "namespace name".
        children: elements in it.
        text: all characters directly in it.
    """

    namespace: str
    name: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    @property
    def nil(self) -> bool:
        """Whether it says that it has no value."""
        return self.attributes.get(_NIL) in {"true", "1"}

    def child(self, name: str) -> "Element | None":
        """Return the first child of a name, or None."""
        return next((each for each in self.children if each.name == name), None)

    def value(self, name: str) -> str | None:
        """Return the text of the first child of a name; None where there is none, or where it is nil."""
        found = self.child(name)
        return None if found is None or found.nil else found.text

    def walk(self, *path: str) -> Iterator["Element"]:
        """Give every element at the end of a path of names."""
        if not path:
            yield self
            return
        for each in self.children:
            if each.name == path[0]:
                yield from each.walk(*path[1:])


class _Builder:
    """What expat calls."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS or len(self._open) >= _MAX_DEPTH:
            raise BadRequestError("the request has too many elements")
        namespace, _, local = name.rpartition(" ")
        element = Element(namespace, local, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def text(self, data: str) -> None:
        if self._texts:
            self._texts[-1].append(data)

    def doctype(self, *_: object) -> None:
        raise BadRequestError("a document type is not allowed")

    def entity(self, *_: object) -> bool:
        raise BadRequestError("an entity is not allowed")


def parse(data: bytes) -> Element:
    """Read an XML document.

    Args:
        data: its bytes.

    Returns:
        Its outermost element.

    Raises:
        BadRequestError: it is too big, has a document type, or is no XML.
    """
    if len(data) > MAX_REQUEST:
        raise BadRequestError(f"the request has more than {MAX_REQUEST} bytes")
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.EntityDeclHandler = builder.entity
    parser.ExternalEntityRefHandler = builder.entity
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes it by place
    except expat.ExpatError as error:
        raise BadRequestError(f"the request is not XML: {error}") from error
    except (LookupError, ValueError) as error:
        # An encoding that Python does not know, or one of several bytes a character.
        raise BadRequestError(f"the request's encoding cannot be read: {error}") from error
    if builder.root is None:
        raise BadRequestError("the request is empty")
    return builder.root


def read_operation(data: bytes) -> Element:
    """Return the one element in the Body of a SOAP 1.1 envelope.

    Args:
        data: the request.

    Raises:
        BadRequestError: it is no such envelope.
    """
    root = parse(data)
    if (root.namespace, root.name) != (SOAP_NS, "Envelope"):
        raise BadRequestError("the request is no SOAP 1.1 envelope")
    body = next((each for each in root.children if (each.namespace, each.name) == (SOAP_NS, "Body")), None)
    if body is None or len(body.children) != 1:
        raise BadRequestError("the envelope's Body must have exactly one element")
    return body.children[0]


def escape(text: str) -> str:
    """Return text as it stands in an element."""
    if _SPECIAL.search(text):
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _UNWRITABLE.sub("�", text)


def escape_attribute(text: str) -> str:
    """Return text as it stands in an attribute, quotes not included."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;")


def tag(name: str, text: str | None, attributes: str = "") -> str:
    """Return an element with text; an empty one for None and for ""."""
    return f"<{name}{attributes}>{escape(text)}</{name}>" if text else f"<{name}{attributes}/>"


#: What stands before and after the content of a Body.
ENVELOPE_START: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{SOAP_NS}"><soapenv:Body>'
)
ENVELOPE_END: Final = "</soapenv:Body></soapenv:Envelope>"


def fault(code: str, text: str, detail: str = "", declarations: str = "") -> bytes:
    """Return an envelope with a fault.

    Args:
        code: faultcode, such as "soapenv:Server".
        text: faultstring.
        detail: what stands in `detail`, as XML.
        declarations: namespace declarations that the code needs.
    """
    return (
        f"{ENVELOPE_START}<soapenv:Fault><faultcode{declarations}>{escape(code)}</faultcode>"
        f"{tag('faultstring', text)}<detail>{detail}</detail></soapenv:Fault>{ENVELOPE_END}"
    ).encode()
