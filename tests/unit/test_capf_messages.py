"""CAPF on the wire: what is no message, whose fault that is, and that nothing secret is shown."""

import pickle
import re
from collections.abc import Callable

import pytest

from ctlctl_capf import (
    MAX_MESSAGE,
    AuthRequest,
    AuthResponse,
    CapfLocalError,
    CapfPeerError,
    CapfReason,
    CarriedCertificate,
    Command,
    Curve,
    Dialect,
    DigestSignature,
    Element,
    EndSession,
    FetchCertificateResponse,
    Frame,
    KeyGenerateRequest,
    KeyGenerateResponse,
    KeyOrder,
    OtherMessage,
    RequestInProgress,
    RetryLater,
    Send,
    StoreCertificateRequest,
    SudiData,
    decode,
    decode_frame,
    encode,
    to_frame,
)
from ctlctl_capf.dialect import KIND_DIALECT
from ctlctl_capf.frame import MAX_ELEMENTS
from ctlctl_trust.tlv import encode_tlv

DEVICE = "SEP001122334455"
TYPED = "4711-secret"
NAME = (13, DEVICE.encode() + b"\0")
VERSION = (7, b"\3")
HELLO = AuthResponse(session=1, device=DEVICE)


def raw(command: int, *elements: tuple[int, bytes], session: int = 1) -> bytes:
    """Write a frame without any check."""
    body = b"".join(encode_tlv(tag, value) for tag, value in elements)
    return bytes((85, command)) + session.to_bytes(4) + len(body).to_bytes(2) + body


def reason(data: bytes, dialect: Dialect | None = None) -> CapfReason:
    with pytest.raises(CapfPeerError) as caught:
        decode(data, dialect or Dialect())
    return caught.value.reason


class TestBytes:
    def test_a_request_byte_by_byte(self) -> None:
        order = KeyGenerateRequest.of(258, KeyOrder.ec(Curve.SECP521R1))
        assert encode(order) == bytes.fromhex("55 03 00000102 0008 110001 01 120001 02")

    def test_a_certificate_byte_by_byte(self) -> None:
        stored = StoreCertificateRequest(session=1, certificate=CarriedCertificate(b"DER"))
        assert encode(stored) == bytes.fromhex("55 09 00000001 000f 030001 01 040008 01 0005 00 01") + b"DER"

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"", CapfReason.CUT_OFF),
            (encode(HELLO)[:7], CapfReason.CUT_OFF),
            (b"GET / HTTP/1.1\r\n\r\n", CapfReason.BAD_PROTOCOL),
            (b"\x57\x01" + encode(HELLO)[2:], CapfReason.BAD_PROTOCOL),
            (raw(0), CapfReason.BAD_COMMAND),
            (raw(24), CapfReason.BAD_COMMAND),
            (encode(HELLO)[:-1], CapfReason.LENGTH_MISMATCH),
            (encode(HELLO) + b"\0", CapfReason.LENGTH_MISMATCH),
            (raw(1)[:7] + b"\x02\x01\x00", CapfReason.LENGTH_OVERFLOW),
            (raw(1)[:7] + b"\x04\x01\x00\x02x", CapfReason.LENGTH_OVERFLOW),
            (raw(17, *[(14, b"")] * (MAX_ELEMENTS + 1)), CapfReason.TOO_MANY_ELEMENTS),
            (raw(1), CapfReason.MISSING_ELEMENT),
            (raw(2, VERSION), CapfReason.MISSING_ELEMENT),
            (raw(2, NAME), CapfReason.MISSING_ELEMENT),
            (raw(9, (3, b"\1")), CapfReason.MISSING_ELEMENT),
            (raw(15), CapfReason.MISSING_ELEMENT),
            (raw(2, VERSION, NAME, NAME), CapfReason.DUPLICATE_ELEMENT),
            (raw(1, (7, b"\2")), CapfReason.BAD_VERSION),
            (raw(1, (7, b"\0\3")), CapfReason.BAD_LENGTH),
            (raw(15, (1, b"")), CapfReason.BAD_LENGTH),
            (raw(3, (10, b"\x08")), CapfReason.BAD_LENGTH),
            (raw(16, (12, bytes(3))), CapfReason.BAD_LENGTH),
            (raw(4, (9, b"")), CapfReason.BAD_LENGTH),
            (raw(2, VERSION, (13, b"SEP")), CapfReason.BAD_STRING),
            (raw(2, VERSION, (13, b"")), CapfReason.BAD_STRING),
            (raw(2, VERSION, (13, b"S\0P\0")), CapfReason.BAD_STRING),
            (raw(9, (4, b"\1\0\2\0\1")), CapfReason.BAD_LENGTH),
            (raw(9, (4, b"\1\0\4\0\1DER")), CapfReason.LENGTH_MISMATCH),
            (raw(2, VERSION, NAME, (20, b"\3\0\2x")), CapfReason.LENGTH_OVERFLOW),
            (raw(2, VERSION, NAME, (20, b"\3\0")), CapfReason.LENGTH_OVERFLOW),
            (raw(2, VERSION, NAME, (20, b"\3\0\1xy")), CapfReason.LENGTH_MISMATCH),
            (raw(2, VERSION, NAME, (20, b"")), CapfReason.LENGTH_MISMATCH),
            (raw(2, VERSION, NAME, (16, b"\0\0\1x")), CapfReason.LENGTH_MISMATCH),
            (raw(2, VERSION, NAME, (16, b"\1\0\1x" * 2)), CapfReason.BAD_LENGTH),
            (raw(2, VERSION, NAME, (16, b"\0\0\1x\1\0\1x\1\0\1x")), CapfReason.BAD_LENGTH),
        ],
    )
    def test_the_peer_is_wrong(self, data: bytes, why: CapfReason) -> None:
        assert reason(data) is why

    @pytest.mark.parametrize(
        "make",
        [
            lambda: encode(RequestInProgress(session=2**32)),
            lambda: encode(AuthResponse(session=1, device="a\0b")),
            lambda: encode(AuthResponse(session=1, device="\ud800")),
            lambda: encode(AuthResponse(session=1, device="a", signed=b"")),
            lambda: encode(AuthResponse(session=1, device="a", certificate=CarriedCertificate(b""))),
            lambda: encode(AuthResponse(session=1, device="a", certificate=CarriedCertificate(bytes(0xFFFE)))),
            lambda: encode(AuthResponse(session=1, device="a", certificate=CarriedCertificate(b"x", kind=256))),
            lambda: encode(AuthResponse(session=1, device="a", signed_sha2=DigestSignature(256, b""))),
            lambda: encode(AuthResponse(session=1, device="a", extra=(Element(4, b""),))),
            lambda: encode(AuthResponse(session=1, device="a", extra=(Element(256, b""),))),
            lambda: encode(KeyGenerateRequest(session=1, bits=0x10000)),
            lambda: encode(KeyGenerateResponse(session=1, public_key=b"")),
            lambda: encode(KeyGenerateResponse(session=1, public_key=bytes(0xFFFE))),
            lambda: encode(EndSession(session=1, reason=-1)),
            lambda: encode(RetryLater(session=1, delay=2**32)),
            lambda: Frame(Command.END_SESSION, 1, (Element(6, b""),) * (MAX_ELEMENTS + 1)),
            lambda: Frame(Command.END_SESSION, 1, (Element(6, bytes(0x10000)),)),
            lambda: Dialect(versions=frozenset()),
            lambda: Dialect(versions=frozenset({256})),
            lambda: Dialect(retry_delay_seconds=0),
        ],
    )
    def test_we_are_wrong(self, make: Callable[[], object]) -> None:
        with pytest.raises(CapfLocalError):
            make()

    def test_what_must_stand_in_a_message_must_be_given(self) -> None:
        broken = FetchCertificateResponse(session=1, reason=None)  # type: ignore[arg-type]  # that is the point
        with pytest.raises(CapfLocalError, match="without element 1"):
            encode(broken)

    def test_the_largest_message(self) -> None:
        largest = KeyGenerateResponse(session=1, public_key=bytes(0xFFFF - 3))
        assert len(encode(largest)) == MAX_MESSAGE
        assert decode(encode(largest)) == largest

    def test_texts_of_any_code_page_come_back_as_they_were(self) -> None:
        data = raw(15, (1, b"\7"), (2, b"M\xfcller\0"))
        assert encode(decode(data)) == data

    def test_errors_travel(self) -> None:
        error = pickle.loads(pickle.dumps(CapfPeerError(CapfReason.CUT_OFF, "cut")))  # noqa: S301 - our own bytes
        assert (error.reason, str(error)) == (CapfReason.CUT_OFF, "cut")


class TestUnknown:
    DATA = raw(2, (99, b"?"), VERSION, NAME, (14, b"x"), (19, b"\3"))

    def test_elements_are_kept_and_written_after_the_others(self) -> None:
        message = decode(self.DATA)
        assert isinstance(message, AuthResponse)
        assert message.extra == (Element(99, b"?"), Element(14, b"x"), Element(19, b"\3"))
        assert decode(encode(message)) == message
        assert decode_frame(self.DATA).encode() == self.DATA

    def test_elements_can_be_refused(self) -> None:
        assert reason(self.DATA, Dialect(refuse_unknown=True)) is CapfReason.UNKNOWN_ELEMENT

    def test_an_element_out_of_its_place_is_one(self) -> None:
        message = decode(raw(17, (10, b"\x08\0")))
        assert message == RequestInProgress(session=1, extra=(Element(10, b"\x08\0"),))

    @pytest.mark.parametrize("command", [5, 6, 7, 8, 18, 19, 20, 21, 22, 23])
    def test_bodies_that_nobody_knows_stay_as_they_are(self, command: int) -> None:
        data = raw(command, (4, b"?"), (4, b"!"))
        message = decode(data)
        assert isinstance(message, OtherMessage)
        assert (message.command, message.session, to_frame(message).elements) == (
            Command(command),
            1,
            (Element(4, b"?"), Element(4, b"!")),
        )
        assert encode(message) == data

    def test_versions(self) -> None:
        data = raw(1, (7, b"\2"))
        assert decode(data, Dialect(versions=frozenset({2, 3}))) == AuthRequest(session=1, version=2, auth_type=None)

    def test_a_key_without_a_type_is_an_rsa_key(self) -> None:
        message = decode(raw(3, (10, b"\x08\0")))
        assert isinstance(message, KeyGenerateRequest)
        assert message.order == KeyOrder.rsa(2048)
        both = decode(raw(3, (10, b"\x08\0"), (17, b"\1"), (18, b"\1")))
        assert isinstance(both, KeyGenerateRequest)
        assert both.order == KeyOrder.ec(Curve.SECP384R1)

    @pytest.mark.parametrize(("value", "delay"), [(b"\x05", 5), (b"\0\x05", 5), (b"\0\0\1\0", 256)])
    def test_a_delay_of_any_size(self, value: bytes, delay: int) -> None:
        assert decode(raw(16, (12, value))) == RetryLater(session=1, delay=delay)

    @pytest.mark.parametrize("value", [b"", bytes(3), b"60\0", bytes(8)])
    def test_a_delay_of_an_odd_size_is_none_to_a_kind_reader(self, value: bytes) -> None:
        assert decode(raw(16, (12, value)), KIND_DIALECT) == RetryLater(session=1)

    @pytest.mark.parametrize("text", [b"busy", b"busy\0", b"busy\0\0\0"])
    def test_a_text_hides_no_reason_from_a_kind_reader(self, text: bytes) -> None:
        assert decode(raw(15, (1, b"\7"), (2, text)), KIND_DIALECT) == EndSession(session=1, reason=7, info="busy")

    def test_what_a_lax_reader_takes(self) -> None:
        lax = Dialect(check_certificate_length=False, refuse_unterminated=False)
        data = raw(9, (4, b"\2\0\4\7\2DER"))
        message = decode(data, lax)
        assert isinstance(message, StoreCertificateRequest)
        assert message.certificate == CarriedCertificate(b"DER", kind=2, lead=2, form=7, announced=4)
        assert encode(message) == data
        named = decode(raw(2, VERSION, (11, b"one\0two"), (13, b"SEP")), lax)
        assert isinstance(named, AuthResponse)
        assert (named.password, named.device) == ("one", "SEP")


class TestKeys:
    @pytest.mark.parametrize(
        ("order", "words"),
        [
            (KeyOrder.rsa(512), "512 bits are refused: .* factored"),
            (KeyOrder.rsa(2047), "not 2047"),
            (KeyOrder.rsa(8192), "not 8192"),
            (KeyOrder(0), "without a size"),
            (KeyOrder(1), "without a curve"),
            (KeyOrder(1, curve=3), "curve 3"),
            (KeyOrder(2, bits=2048), "key type 2"),
        ],
    )
    def test_refused_with_the_reason(self, order: KeyOrder, words: str) -> None:
        assert order.refusal is not None
        assert re.search(words, order.refusal)
        assert order.label

    def test_taken(self) -> None:
        orders = [KeyOrder.rsa(bits) for bits in (1024, 2048, 3072, 4096)] + [KeyOrder.ec(curve) for curve in Curve]
        assert [order.refusal for order in orders] == [None] * 7
        assert orders[-1].label == "EC secp521r1"


def test_no_password_is_shown() -> None:
    message = AuthResponse(session=1, device=DEVICE, password=TYPED)
    frame = to_frame(message)
    assert decode(frame.encode()) == message
    shown = [repr(message), repr(frame), str(frame), repr(Send(encode(message)))]
    assert not any("secret" in each or "4711" in each for each in shown)
    sudi = SudiData(b"x", (DigestSignature(1, b"y"),))
    assert SudiData.decode(sudi.encode()) == sudi
