"""How each message is written and read.

Each message has its elements in the order in which they have been seen; `_LAYOUTS` is that knowledge as data. Elements
that a message has no use for are kept, byte for byte, in ``extra``; they are written after the others.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ctlctl_capf.dialect import DIALECT, Dialect
from ctlctl_capf.elements import CarriedCertificate, DigestSignature, SudiData, number, read_number, read_text, text
from ctlctl_capf.frame import (
    CapfLocalError,
    CapfPeerError,
    CapfReason,
    Command,
    Element,
    Frame,
    Tag,
    decode_frame,
)
from ctlctl_capf.messages import (
    AuthRequest,
    AuthResponse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    EndSession,
    FetchCertificateRequest,
    FetchCertificateResponse,
    KeyGenerateRequest,
    KeyGenerateResponse,
    Message,
    OtherMessage,
    RequestInProgress,
    RetryLater,
    StoreCertificateRequest,
    StoreCertificateResponse,
)


class _Form(NamedTuple):
    """How the value of an element is written and read."""

    write: Callable[[Any], bytes]
    read: Callable[[int, bytes, Dialect], Any]


class _Part(NamedTuple):
    """An element's place in a message."""

    tag: Tag
    name: str
    form: _Form
    required: bool = False


def _filled(value: bytes) -> bytes:
    if not value:
        raise CapfLocalError("an element that must hold something is empty")
    return value


def _read_filled(tag: int, value: bytes, dialect: Dialect) -> bytes:
    del dialect
    if not value:
        raise CapfPeerError(CapfReason.BAD_LENGTH, f"element {tag} is empty")
    return value


def _read_version(tag: int, value: bytes, dialect: Dialect) -> int:
    version = read_number(tag, value, (1,))
    if version not in dialect.versions:
        raise CapfPeerError(CapfReason.BAD_VERSION, f"version {version} of CAPF is not known")
    return version


def _read_delay(tag: int, value: bytes, dialect: Dialect) -> int | None:
    # Its size has not been seen, so any that makes sense is read.
    if len(value) not in _DELAY_SIZES and not dialect.refuse_odd_delay:
        return None
    return read_number(tag, value, _DELAY_SIZES)


_DELAY_SIZES: Final = (4, 2, 1)
_OCTET = _Form(lambda value: number(value, 1), lambda tag, value, _: read_number(tag, value, (1,)))
_U16 = _Form(lambda value: number(value, 2), lambda tag, value, _: read_number(tag, value, (2,)))
_DELAY = _Form(lambda value: number(value, 4), _read_delay)
_VERSION = _Form(lambda value: number(value, 1), _read_version)
_TEXT = _Form(text, read_text)
_BYTES = _Form(_filled, _read_filled)
_CERTIFICATE = _Form(CarriedCertificate.encode, lambda _, value, dialect: CarriedCertificate.decode(value, dialect))
_DIGEST_SIGNATURE = _Form(DigestSignature.encode, lambda _, value, __: DigestSignature.decode(value))
_SUDI = _Form(SudiData.encode, lambda _, value, __: SudiData.decode(value))

_REASON = _Part(Tag.REASON, "reason", _OCTET, required=True)
_ANY_REASON = _REASON._replace(required=False)

#: The elements of each message, in the order in which they have been seen.
_LAYOUTS: Final[Mapping[Command, tuple[_Part, ...]]] = MappingProxyType(
    {
        Command.AUTH_REQUEST: (
            _Part(Tag.VERSION, "version", _VERSION, required=True),
            _Part(Tag.AUTH_TYPE, "auth_type", _OCTET),
        ),
        Command.AUTH_RESPONSE: (
            _ANY_REASON,
            _Part(Tag.CERTIFICATE, "certificate", _CERTIFICATE),
            _Part(Tag.SIGNED_DATA, "signed", _BYTES),
            _Part(Tag.VERSION, "version", _VERSION, required=True),
            _Part(Tag.PASSWORD, "password", _TEXT),
            _Part(Tag.DEVICE_NAME, "device", _TEXT, required=True),
            _Part(Tag.SUDI_DATA, "sudi", _SUDI),
            _Part(Tag.SHA2_SIGNED_DATA, "signed_sha2", _DIGEST_SIGNATURE),
        ),
        Command.KEY_GENERATE_REQUEST: (
            _Part(Tag.KEY_SIZE, "bits", _U16),
            _Part(Tag.KEY_TYPE, "key_type", _OCTET),
            _Part(Tag.CURVE, "curve", _OCTET),
        ),
        Command.REQUEST_IN_PROGRESS: (),
        Command.KEY_GENERATE_RESPONSE: (_ANY_REASON, _Part(Tag.PUBLIC_KEY, "public_key", _BYTES)),
        Command.STORE_CERTIFICATE_REQUEST: (
            _Part(Tag.CERTIFICATE_TYPE, "kind", _OCTET),
            _Part(Tag.CERTIFICATE, "certificate", _CERTIFICATE, required=True),
        ),
        Command.STORE_CERTIFICATE_RESPONSE: (_REASON,),
        Command.FETCH_CERTIFICATE_REQUEST: (),
        Command.FETCH_CERTIFICATE_RESPONSE: (_REASON, _Part(Tag.CERTIFICATE, "certificate", _CERTIFICATE)),
        Command.DELETE_CERTIFICATE_REQUEST: (),
        Command.DELETE_CERTIFICATE_RESPONSE: (_REASON,),
        Command.END_SESSION: (_REASON, _Part(Tag.REASON_INFO, "info", _TEXT)),
        Command.RETRY_LATER: (_Part(Tag.RETRY_DELAY, "delay", _DELAY),),
    }
)

_CLASSES: Final[Mapping[Command, type[Message]]] = MappingProxyType(
    {
        each.command: each
        for each in (
            AuthRequest,
            AuthResponse,
            KeyGenerateRequest,
            RequestInProgress,
            KeyGenerateResponse,
            StoreCertificateRequest,
            StoreCertificateResponse,
            FetchCertificateRequest,
            FetchCertificateResponse,
            DeleteCertificateRequest,
            DeleteCertificateResponse,
            EndSession,
            RetryLater,
        )
    }
)


def to_frame(message: Message | OtherMessage) -> Frame:
    """Return a message's frame.

    Raises:
        CapfLocalError: it cannot be written.
    """
    if isinstance(message, OtherMessage):
        return message.frame
    command = message.command
    layout = _LAYOUTS[command]
    elements: list[Element] = []
    for part in layout:
        value = getattr(message, part.name)
        if value is not None:
            elements.append(Element(part.tag, part.form.write(value)))
        elif part.required:
            raise CapfLocalError(f"{command.name} without element {part.tag:d}")
    used = {part.tag for part in layout}
    for tag, _ in message.extra:
        if tag in used:
            raise CapfLocalError(f"element {tag} of a {command.name} has a place of its own")
    return Frame(command, message.session, (*elements, *message.extra))


def encode(message: Message | OtherMessage) -> bytes:
    """Return a message's bytes.

    Raises:
        CapfLocalError: it cannot be written.
    """
    return to_frame(message).encode()


def decode_message(frame: Frame, dialect: Dialect = DIALECT) -> Message | OtherMessage:
    """Read what a frame says.

    Raises:
        CapfPeerError: elements are missing, doubled or malformed, or, where the dialect says so, unknown.
    """
    layout = _LAYOUTS.get(frame.command)
    if layout is None:
        return OtherMessage(frame)
    places = {part.tag: part for part in layout}
    values: dict[str, Any] = {}
    extra: list[Element] = []
    for element in frame.elements:
        part = places.get(element.tag)  # type: ignore[call-overload]  # a tag that is none is nobody's key
        if part is None:
            if dialect.refuse_unknown:
                raise CapfPeerError(
                    CapfReason.UNKNOWN_ELEMENT, f"{frame.command.name} with element {element.tag}, which is not known"
                )
            extra.append(element)
        elif part.name in values:
            # Two readers that take different ones of them would see two different messages.
            raise CapfPeerError(CapfReason.DUPLICATE_ELEMENT, f"element {element.tag} stands twice")
        else:
            values[part.name] = part.form.read(element.tag, element.value, dialect)
    for part in layout:
        if part.required and part.name not in values:
            raise CapfPeerError(CapfReason.MISSING_ELEMENT, f"{frame.command.name} without element {part.tag:d}")
        values.setdefault(part.name, None)
    return _CLASSES[frame.command](session=frame.session, extra=tuple(extra), **values)


def decode(data: bytes, dialect: Dialect = DIALECT) -> Message | OtherMessage:
    """Read one whole message.

    Raises:
        CapfPeerError: the bytes are none, or are followed by others; no other exception.
    """
    return decode_message(decode_frame(data), dialect)
