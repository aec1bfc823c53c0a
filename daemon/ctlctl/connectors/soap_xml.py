"""Reading SOAP 1.1 answers: XML without DTD, entities or external access, and items one by one.

zeep writes the requests. Answers are read here, because a list of thousands of rows costs a fraction of the time and
memory this way, and because what a cluster answers is to be read tolerantly: an element that is not in our schema, a
value that no list of ours has, a fault without namespace (AXL Developer Guide, "Version 14 changes") are no errors.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Final, TypeVar

from lxml import etree

_T = TypeVar("_T")

_ENVELOPE_NS: Final = "http://schemas.xmlsoap.org/soap/envelope/"
ENVELOPE: Final = f"{{{_ENVELOPE_NS}}}Envelope"
BODY: Final = f"{{{_ENVELOPE_NS}}}Body"
FAULT: Final = f"{{{_ENVELOPE_NS}}}Fault"
NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
# Tags and attributes of an answer. A page of 10,000 phones has some 400,000; each costs libxml2 about 100 bytes, which
# for an answer of nothing but "<a/>" would be many times its size.
MAX_MARKS: Final = 1_000_000
# Line ends that a filter before the service left in front of the declaration, where XML allows nothing.
_BLANKS: Final = b" \t\r\n"


class AnswerError(Exception):
    """An answer that is not the SOAP it should be; the text says why."""


@dataclass(frozen=True, slots=True)
class SoapFault:
    """What a server says when it does not do what it was asked.

    Attributes:
        code: `faultcode`, such as "soapenv:Server".
        text: `faultstring`.
        axl_code: `axlError/axlcode`, if there is one.
        axl_text: `axlError/axlmessage`.
    """

    code: str
    text: str
    axl_code: int | None
    axl_text: str

    @property
    def words(self) -> str:
        """The most telling text of it."""
        return self.axl_text or self.text or "a fault without any text"


class SoapFaultError(Exception):
    """The answer was a fault."""

    def __init__(self, fault: SoapFault) -> None:
        super().__init__(fault.words)
        self.fault = fault


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace; "" for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def child(element: etree._Element, *names: str) -> etree._Element | None:
    """Find an element by a path of local names; nil elements and what is under them count as absent."""
    for name in names:
        found = next((one for one in element if local_name(one) == name), None)
        if found is None or found.get(NIL) in {"true", "1"}:
            return None
        element = found
    return element


def text(element: etree._Element, *names: str) -> str | None:
    """Read the text under a path of local names.

    Returns:
        The text, perhaps ""; None if there is no such element or it is nil.
    """
    found = child(element, *names)
    return None if found is None else (found.text or "")


def read_items(content: bytes, operation: str, item: str, convert: Callable[[etree._Element], _T]) -> list[_T]:
    """Read a list answer and let go of each element once it is converted.

    Args:
        content: The whole answer.
        operation: What was called; the answer must be to that.
        item: Local name of the elements that are wanted, wherever they stand.
        convert: Makes the value; the element is emptied afterwards.

    Returns:
        The values, in the order of the answer.

    Raises:
        SoapFaultError: The answer is a fault.
        AnswerError: It is no SOAP, is cut, has a document type or too many tags, or answers something else.
    """
    _check_text(content)
    values: list[_T] = []
    wanted = (item, f"{{*}}{item}")
    try:
        # huge_tree stays off: libxml2's own limits on depth and text hold. The encoding is given because AXL is UTF-8.
        events = etree.iterparse(
            BytesIO(content.lstrip(_BLANKS)),
            events=("end",),
            tag=wanted,
            no_network=True,
            load_dtd=False,
            resolve_entities=False,
            huge_tree=False,
            encoding="utf-8",
            # In the middle of a text they would cut it: an element's `text` ends where the first of them stands.
            remove_comments=True,
            remove_pis=True,
        )
        for _, element in events:
            values.append(convert(element))
            element.clear()
    except etree.XMLSyntaxError as error:
        raise AnswerError(f"half an answer, or no XML at all ({_reason(error)})") from None
    root = events.root
    _check_root(root, operation)
    return values


def read_answer(content: bytes, operation: str) -> etree._Element:
    """Read an answer whole.

    Args:
        content: The whole answer.
        operation: What was called, as the answer names it; the answer must be to that.

    Returns:
        The `<operation>Response` element.

    Raises:
        SoapFaultError: The answer is a fault.
        AnswerError: It is no SOAP, is cut, has a document type or too many tags, or answers something else.
    """
    return _check_root(_parse(content), operation)


def read_fault(content: bytes) -> SoapFault | None:
    """Read the fault of an error answer.

    Returns:
        The fault; None if the content is no SOAP fault.
    """
    try:
        root = _parse(content)
        _check_root(root, "")
    except SoapFaultError as error:
        return error.fault
    except AnswerError:
        pass
    return None


def _parse(content: bytes) -> etree._Element:
    _check_text(content)
    parser = etree.XMLParser(
        no_network=True,
        load_dtd=False,
        resolve_entities=False,
        huge_tree=False,
        encoding="utf-8",
        recover=False,
        # As in `read_items`.
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content.lstrip(_BLANKS), parser)
    except etree.XMLSyntaxError as error:
        raise AnswerError(f"half an answer, or no XML at all ({_reason(error)})") from None


def _check_text(content: bytes) -> None:
    # Wherever it stands: in a text it would be written with "&lt;". The parser is told the encoding, so no other one
    # can hide it.
    if b"<!DOCTYPE" in content:
        raise AnswerError("the answer has a document type (DTD), which no SOAP answer may have")
    if content.count(b"<") + content.count(b"=") > MAX_MARKS:
        raise AnswerError(f"the answer has more than {MAX_MARKS:,} tags and attributes")


def _check_root(root: etree._Element | None, operation: str) -> etree._Element:
    if root is None:
        raise AnswerError("the answer is empty")
    body = child(root, "Body")
    if root.tag != ENVELOPE or body is None:
        raise AnswerError(f"the answer is no SOAP envelope but <{local_name(root)}>")
    elements: Iterable[etree._Element] = (one for one in body if isinstance(one.tag, str))
    answer = next(iter(elements), None)
    if answer is None:
        raise AnswerError("the answer is an empty envelope")
    if answer.tag == FAULT:
        raise SoapFaultError(_fault(answer))
    if local_name(answer) != f"{operation}Response":
        raise AnswerError(f"the answer is to something else: <{local_name(answer)}>")
    return answer


def _fault(element: etree._Element) -> SoapFault:
    axl = child(element, "detail", "axlError")
    # Old clusters spell it axl:Error.
    axl = child(element, "detail", "Error") if axl is None else axl
    code = text(axl, "axlcode") if axl is not None else None
    try:
        number = int(code) if code else None
    except ValueError:
        number = None
    return SoapFault(
        code=text(element, "faultcode") or "",
        text=(text(element, "faultstring") or "").strip(),
        axl_code=number,
        axl_text=((text(axl, "axlmessage") or "") if axl is not None else "").strip(),
    )


def _reason(error: etree.XMLSyntaxError) -> str:
    return error.msg or "the parser gives no reason"
