"""What TVS says: VERIFY (is this certificate known?) and QUERY (who is this signer?), asked and answered.

Each message knows its elements in the order in which they have been seen. Elements that a message has no use for are
kept, byte for byte, in `extra`; they are written after the others.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from ctlctl_trust.tlv import Role, known_role, role_name
from ctlctl_trust.tvsframe import Command, Element, Frame, Tag, TvsLocalError, TvsPeerError, TvsReason

#: First byte of DEVICE_NAME in every message seen; its meaning is not known.
DEVICE_KIND: Final = 1
#: STATUS of a certificate that is known ("Authentication Response received, status : 0" in a phone's log).
STATUS_KNOWN: Final = 0
#: STATUS of one that is not, in answers to VERIFY (the independent tvsd); other values have never been seen.
STATUS_UNKNOWN: Final = 1

_SETTLED: Final = frozenset({Tag.DEVICE_NAME, Tag.CERTIFICATE, Tag.SUBJECT, Tag.STATUS, Tag.ROLES, Tag.TTL})


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is inferred or not known about TVS, to be set otherwise where a server or phone turns out to differ.

    Attributes:
        issuer_tag: tag of the issuer in a QUERY; inferred, only its length stands in the genuine trace.
        serial_tag: tag of the serial number in a QUERY; inferred likewise.
        refuse_unknown: whether an element that a message has no use for is an error. The independent tvsd closes the
            connection; what a genuine server does is not known, so they are kept and ignored unless told otherwise.
        requests_per_connection: after how many answers the server closes; None for never. The independent tvsd
            closes after one; what a genuine server does is not known.

    Raises:
        TvsLocalError: the tags clash, or a number makes no sense.
    """

    issuer_tag: int = Tag.ISSUER
    serial_tag: int = Tag.SERIAL
    refuse_unknown: bool = False
    requests_per_connection: int | None = 1

    def __post_init__(self) -> None:
        tags = {self.issuer_tag, self.serial_tag}
        if len(tags) < 2 or tags & _SETTLED or not all(0 <= tag <= 0xFF for tag in tags):
            raise TvsLocalError("issuer_tag and serial_tag must be two bytes that no other element uses")
        if self.requests_per_connection is not None and self.requests_per_connection < 1:
            raise TvsLocalError("requests_per_connection must be at least 1, or None")


#: What is most likely.
DIALECT: Final = Dialect()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """Asks whether a certificate is known.

    Attributes:
        session: number that the response repeats.
        device: who asks, ``CP-MODEL-SEPMAC``.
        certificate: the whole certificate, DER.
        device_kind: first byte of the device element.
        reserved: reserved byte of the header.
        extra: elements that are not understood.
    """

    session: int
    device: str
    certificate: bytes
    device_kind: int = DEVICE_KIND
    reserved: int = 0
    extra: tuple[Element, ...] = ()

    def to_frame(self, dialect: Dialect = DIALECT) -> Frame:
        """Return its frame.

        Raises:
            TvsLocalError: it cannot be written.
        """
        del dialect
        elements = (
            Element(Tag.DEVICE_NAME, _device_value(self.device_kind, self.device)),
            Element(Tag.CERTIFICATE, _filled(Tag.CERTIFICATE, self.certificate)),
        )
        return _frame(Command.VERIFY_REQUEST, self, elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    """Asks for the certificate that a list's or file's header names.

    Attributes:
        session: number that the response repeats.
        device: who asks, ``CP-MODEL-SEPMAC``.
        subject: subject, as the header spells it.
        issuer: issuer, as the header spells it; servers look it up by this exact text.
        serial: serial number, as its bytes stand in the header (reversed for old hardware tokens).
        device_kind: first byte of the device element.
        reserved: reserved byte of the header.
        extra: elements that are not understood.
    """

    session: int
    device: str
    subject: str
    issuer: str
    serial: bytes
    device_kind: int = DEVICE_KIND
    reserved: int = 0
    extra: tuple[Element, ...] = ()

    def to_frame(self, dialect: Dialect = DIALECT) -> Frame:
        """Return its frame.

        Raises:
            TvsLocalError: it cannot be written.
        """
        elements = (
            Element(Tag.DEVICE_NAME, _device_value(self.device_kind, self.device)),
            Element(Tag.SUBJECT, _text_value(self.subject)),
            Element(dialect.issuer_tag, _text_value(self.issuer)),
            Element(dialect.serial_tag, _filled(dialect.serial_tag, self.serial)),
        )
        return _frame(Command.QUERY_REQUEST, self, elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResponse:
    """Tells whether a certificate is known.

    Attributes:
        session: number of the request.
        status: 0 known, 1 not; what else there may be is not known.
        roles: role codes as in trust lists, or None where the element is missing, as it is when status is 1.
        ttl: seconds for which a phone may remember it, or None likewise.
        reserved: reserved byte of the header.
        extra: elements that are not understood.
    """

    session: int
    status: int
    roles: tuple[int, ...] | None = None
    ttl: int | None = None
    reserved: int = 0
    extra: tuple[Element, ...] = ()

    @property
    def known(self) -> bool | None:
        """Whether the certificate is known; None for a status whose meaning is not known."""
        return _known(self.status)

    def to_frame(self, dialect: Dialect = DIALECT) -> Frame:
        """Return its frame.

        Raises:
            TvsLocalError: it cannot be written.
        """
        del dialect
        elements = (Element(Tag.STATUS, _number(self.status, 1)), *_trust_elements(self.roles, self.ttl))
        return _frame(Command.VERIFY_RESPONSE, self, elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResponse:
    """Gives the certificate that was asked for.

    Attributes:
        session: number of the request.
        status: 0 found. What a server answers that has not found it is not known; 1 and nothing else is assumed.
        certificate: DER, or None where the element is missing; empty only where the status is not 0, because the shape
            of such an answer is not known.
        roles: role codes as in trust lists, or None likewise.
        ttl: seconds for which a phone may remember it, or None likewise.
        reserved: reserved byte of the header.
        extra: elements that are not understood.
    """

    session: int
    status: int
    certificate: bytes | None = None
    roles: tuple[int, ...] | None = None
    ttl: int | None = None
    reserved: int = 0
    extra: tuple[Element, ...] = ()

    @property
    def known(self) -> bool | None:
        """Whether the certificate is known; None for a status whose meaning is not known."""
        return _known(self.status)

    def to_frame(self, dialect: Dialect = DIALECT) -> Frame:
        """Return its frame.

        Raises:
            TvsLocalError: it cannot be written.
        """
        del dialect
        own = self.certificate
        if own is not None and self.status == STATUS_KNOWN:
            _filled(Tag.CERTIFICATE, own)
        elements = (
            Element(Tag.STATUS, _number(self.status, 1)),
            *(() if own is None else (Element(Tag.CERTIFICATE, own),)),
            *_trust_elements(self.roles, self.ttl),
        )
        return _frame(Command.QUERY_RESPONSE, self, elements)


Request: TypeAlias = VerifyRequest | QueryRequest
Response: TypeAlias = VerifyResponse | QueryResponse
Message: TypeAlias = Request | Response

#: Elements that each message has use for, those of `Dialect` apart; the required ones first.
_REQUIRED: Final[dict[Command, tuple[Tag, ...]]] = {
    Command.VERIFY_REQUEST: (Tag.DEVICE_NAME, Tag.CERTIFICATE),
    Command.QUERY_REQUEST: (Tag.DEVICE_NAME, Tag.SUBJECT),
    Command.VERIFY_RESPONSE: (Tag.STATUS,),
    Command.QUERY_RESPONSE: (Tag.STATUS,),
}
_OPTIONAL: Final[dict[Command, tuple[Tag, ...]]] = {
    Command.VERIFY_REQUEST: (),
    Command.QUERY_REQUEST: (),
    Command.VERIFY_RESPONSE: (Tag.ROLES, Tag.TTL),
    Command.QUERY_RESPONSE: (Tag.CERTIFICATE, Tag.ROLES, Tag.TTL),
}


def role_words(roles: tuple[int, ...] | None) -> tuple[str, ...]:
    """Return the field's terms for role codes; an unknown code keeps its number."""
    return tuple(role_name(code) for code in roles or ())


def known_roles(roles: tuple[int, ...] | None) -> frozenset[Role]:
    """Return those of the roles that have a known meaning."""
    return frozenset(role for role in map(known_role, roles or ()) if role is not None)


def decode_message(frame: Frame, dialect: Dialect = DIALECT) -> Message:
    """Read what a frame says.

    Raises:
        TvsPeerError: elements are missing, doubled or malformed, or, where the dialect says so, unknown.
    """
    values, extra = _sort(frame, dialect)
    session, reserved = frame.session, frame.reserved
    if frame.command in (Command.VERIFY_REQUEST, Command.QUERY_REQUEST):
        kind, device = _read_device(values[Tag.DEVICE_NAME])
        if frame.command is Command.VERIFY_REQUEST:
            return VerifyRequest(
                session=session,
                device=device,
                certificate=_not_empty(Tag.CERTIFICATE, values[Tag.CERTIFICATE]),
                device_kind=kind,
                reserved=reserved,
                extra=extra,
            )
        return QueryRequest(
            session=session,
            device=device,
            subject=_read_text(Tag.SUBJECT, values[Tag.SUBJECT]),
            issuer=_read_text(dialect.issuer_tag, values[dialect.issuer_tag]),
            serial=_not_empty(dialect.serial_tag, values[dialect.serial_tag]),
            device_kind=kind,
            reserved=reserved,
            extra=extra,
        )
    status = _read_number(Tag.STATUS, values[Tag.STATUS], 1)
    roles = tuple(values[Tag.ROLES]) if Tag.ROLES in values else None
    ttl = _read_number(Tag.TTL, values[Tag.TTL], 4) if Tag.TTL in values else None
    if frame.command is Command.VERIFY_RESPONSE:
        return VerifyResponse(session=session, status=status, roles=roles, ttl=ttl, reserved=reserved, extra=extra)
    own = values.get(Tag.CERTIFICATE)
    if own is not None and status == STATUS_KNOWN:
        _not_empty(Tag.CERTIFICATE, own)
    return QueryResponse(
        session=session, status=status, certificate=own, roles=roles, ttl=ttl, reserved=reserved, extra=extra
    )


def _sort(frame: Frame, dialect: Dialect) -> tuple[dict[int, bytes], tuple[Element, ...]]:
    """Tell a frame's elements that are understood from those that are not."""
    required = _required(frame.command, dialect)
    wanted = {*required, *_OPTIONAL[frame.command]}
    values: dict[int, bytes] = {}
    extra: list[Element] = []
    for element in frame.elements:
        if element.tag not in wanted:
            if dialect.refuse_unknown:
                raise TvsPeerError(
                    TvsReason.UNKNOWN_ELEMENT, f"{frame.command.name} with element {element.tag}, which is not known"
                )
            extra.append(element)
        elif element.tag in values:
            # Two readers that take different ones of them would see two different messages.
            raise TvsPeerError(TvsReason.DUPLICATE_ELEMENT, f"element {element.tag} stands twice")
        else:
            values[element.tag] = element.value
    for tag in required:
        if tag not in values:
            raise TvsPeerError(TvsReason.MISSING_ELEMENT, f"{frame.command.name} without element {tag}")
    return values, tuple(extra)


def _required(command: Command, dialect: Dialect) -> tuple[int, ...]:
    inferred = (dialect.issuer_tag, dialect.serial_tag) if command is Command.QUERY_REQUEST else ()
    return (*map(int, _REQUIRED[command]), *inferred)


def _frame(command: Command, message: Message, elements: tuple[Element, ...]) -> Frame:
    used = {tag for tag, _ in elements} | set(_OPTIONAL[command])
    for tag, _ in message.extra:
        if tag in used:
            raise TvsLocalError(f"element {tag} of a {command.name} has a place of its own")
    return Frame(command, message.session, (*elements, *message.extra), message.reserved)


def _known(status: int) -> bool | None:
    return status == STATUS_KNOWN if status in (STATUS_KNOWN, STATUS_UNKNOWN) else None


def _trust_elements(roles: tuple[int, ...] | None, ttl: int | None) -> tuple[Element, ...]:
    found: list[Element] = []
    if roles is not None:
        found.append(Element(Tag.ROLES, b"".join(_number(role, 1) for role in roles)))
    if ttl is not None:
        found.append(Element(Tag.TTL, _number(ttl, 4)))
    return tuple(found)


def _number(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size)
    except OverflowError:
        raise TvsLocalError(f"{value} does not fit {size} bytes") from None


def _read_number(tag: int, value: bytes, size: int) -> int:
    if len(value) != size:
        raise TvsPeerError(TvsReason.BAD_LENGTH, f"element {tag} has {len(value)} bytes, not {size}")
    return int.from_bytes(value)


def _filled(tag: int, value: bytes) -> bytes:
    if not value:
        raise TvsLocalError(f"element {tag} is empty")
    return value


def _not_empty(tag: int, value: bytes) -> bytes:
    if not value:
        raise TvsPeerError(TvsReason.BAD_LENGTH, f"element {tag} is empty")
    return value


# Texts are UTF-8; bytes that are none become lone surrogates, so that every text is written back as it was.


def _text_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise TvsLocalError("a text holds a character that cannot be written") from None


def _text_value(text: str) -> bytes:
    if "\0" in text:
        raise TvsLocalError("a text with a NUL inside cannot be written")
    return _text_bytes(text) + b"\0"


def _read_text(tag: int, value: bytes) -> str:
    # The NUL that the length counts: 66 bytes for 65 characters in the genuine trace.
    if not value or value.find(0) != len(value) - 1:
        raise TvsPeerError(TvsReason.BAD_STRING, f"the text of element {tag} does not end in its only NUL")
    return value[:-1].decode("utf-8", "surrogateescape")


def _device_value(kind: int, device: str) -> bytes:
    return _number(kind, 1) + _text_bytes(device)


def _read_device(value: bytes) -> tuple[int, str]:
    if not value:
        raise TvsPeerError(TvsReason.BAD_LENGTH, f"element {Tag.DEVICE_NAME:d} is empty")
    return value[0], value[1:].decode("utf-8", "surrogateescape")
