"""Fuzz target: TFTP packets, and the read client fed with a stream of them."""

from contextlib import suppress

from ctlctl.connectors.ports import FetchLimits
from ctlctl.connectors.tftp_packets import (
    Ack,
    Data,
    Error,
    OptionAck,
    Packet,
    PacketError,
    ReadRequest,
    decode,
    encode,
)
from ctlctl.connectors.tftp_protocol import ReadClient, TftpError

NAME = "tftp"

# Small, so that the fuzzer reaches the limits: bytes, seconds.
_LIMITS = FetchLimits(max_bytes=4096, deadline_seconds=5.0, tftp_block_bytes=16)
_STEP_SECONDS = 0.05


def _stream(*packets: Packet) -> bytes:
    datagrams = [encode(packet) for packet in packets]
    return b"".join(len(datagram).to_bytes(2, "big") + datagram for datagram in datagrams)


def seeds() -> list[bytes]:
    agreed = OptionAck((("blksize", "16"), ("timeout", "1"), ("tsize", "20")))
    return [
        _stream(Data(1, bytes(512)), Data(2, b"the end")),
        _stream(agreed, Data(1, bytes(16)), Data(1, bytes(16)), Data(2, b"last")),
        _stream(agreed, agreed, Data(2, b"early"), Data(1, bytes(17))),
        _stream(OptionAck((("blksize", "8"),)), Data(1, b"")),
        _stream(Error(1, "File not found")),
        _stream(Ack(0), ReadRequest("CTLFile.tlv", "octet", (("blksize", "1428"),))),
        _stream(OptionAck((("tsize", "99999999999999999999"),))),
        encode(ReadRequest("New_Zealand/g3-tones.xml.sgn", "octet", (("tsize", "0"),))),
        b"\x00\x06",
    ]


def one_input(data: bytes) -> None:
    with suppress(PacketError):
        packet = decode(data)
        assert decode(encode(packet)) == packet
    _feed(data)


def _feed(stream: bytes) -> None:
    now = 0.0
    client = ReadClient("CTLFile.tlv", _LIMITS, now)
    answers = len(client.datagrams_to_send())
    received = 0
    while stream:
        length = int.from_bytes(stream[:2], "big")
        datagram, stream = stream[2 : 2 + length], stream[2 + length :]
        received += 1
        now += _STEP_SECONDS
        with suppress(TftpError):
            client.receive(datagram, now)
        answers += len(client.datagrams_to_send())
        with suppress(TftpError):
            client.handle_timer(now)
        answers += len(client.datagrams_to_send())
    # However it is fed, it never answers one packet with more than one, repeats by the clock aside.
    assert answers <= 2 + 2 * received
