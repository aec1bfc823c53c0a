"""What AXL says when it does not do what it was asked, with the codes and words of the real one.

Codes: 5007 for what a get* or do* does not find, 5003 for what an update* does not find and for want of rights,
negative ones are Informix's, 201 is a syntax error in SQL, -1 the limits. Where no source gives the words of a fault,
the message says "lab:", so that nobody takes them for CUCM's.
"""

from typing import Final

from ctlctl_lab.soap import soapxml

NOT_FOUND: Final = 5007
FORBIDDEN: Final = 5003
DUPLICATE: Final = -239
SYNTAX: Final = 201
NO_TABLE: Final = -206
NO_COLUMN: Final = -217
NOT_A_NUMBER: Final = -1213
LIMIT: Final = -1


class AxlFault(Exception):  # noqa: N818 - SOAP calls it so
    """A fault, on its way to the client."""

    def __init__(self, code: int, text: str, faultcode: str = "soapenv:Server") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.faultcode = faultcode

    def xml(self, operation: str, version: tuple[int, int]) -> bytes:
        """Return the envelope.

        Args:
            operation: name of the request.
            version: AXL version that is spoken.
        """
        # Both spellings of the element are seen in the field; here each has its versions.
        name, namespace = "axlError", ""
        if version >= (14, 0):
            name = "ns2:axlError"
            namespace = f' xmlns:ns2="http://www.cisco.com/AXL/API/{version[0]}.{version[1]}"'
        detail = (
            f"<{name}{namespace}><axlcode>{self.code}</axlcode>{soapxml.tag('axlmessage', self.text)}"
            f"{soapxml.tag('request', operation)}</{name}>"
        )
        return soapxml.fault(self.faultcode, self.text, detail)


def not_found(what: str) -> AxlFault:
    """Return the fault of a get* or do* that finds nothing; ``what`` is the name searched for, or the kind of thing."""
    return AxlFault(NOT_FOUND, f"Item not valid: The specified {what} was not found")


def no_update(kind: str) -> AxlFault:
    """Return the fault of an update* or remove* that finds nothing."""
    return AxlFault(FORBIDDEN, f"{kind} not found")


def forbidden() -> AxlFault:
    """Return the fault of a write by somebody who may only read."""
    return AxlFault(FORBIDDEN, "lab: the user has no privilege to change anything through AXL")


def duplicate() -> AxlFault:
    """Return the fault of an add* of something that is there."""
    text = "Could not insert new row - duplicate value in a UNIQUE INDEX column (Unique Index:)."
    return AxlFault(DUPLICATE, text, "soapenv:Client")


def bad_request(text: str) -> AxlFault:
    """Return the fault of a request that does not follow the schema, or asks for what the lab has not."""
    return AxlFault(FORBIDDEN, f"lab: {text}", "soapenv:Client")


def too_large(rows: int, fewer: int) -> AxlFault:
    """Return the fault of an answer over 8 MB.

    Args:
        rows: rows that were asked for.
        fewer: rows that would have been no problem.
    """
    return AxlFault(
        LIMIT,
        f"Query request too large. Total rows matched: {rows} rows. Suggestive Row Fetch: less than {fewer} rows",
    )


def out_of_memory() -> AxlFault:
    """Return the fault of too many big answers at a time."""
    return AxlFault(
        LIMIT, "Maximum AXL Memory Allocation Consumed. Please retry once requests in progress have completed"
    )
