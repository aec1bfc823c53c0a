"""Trust lists and signed files written piece by piece, good and bad.

This writer shares no line with `ctlctl_trust`: good lists must come out of both the same, and whatever a hostile file
needs can be put wrong on purpose. Every length can be a lie, and the signature is made over the lie.
"""

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ctlctl_trust import Certificate, Kind, ListPlan, RecordPlan
from ctlctl_trust.signature import SHA512, Digest
from ctlctl_trust.tlv import Role
from support.pki import CertificatePlan, plan, rsa_key

#: 2026-10-01 00:00:00Z.
SIGNED_AT = 1790812800


@dataclass(slots=True)
class Tlv:
    """One TLV; a list as value makes a container, ``length`` a lie."""

    tag: int
    value: "bytes | list[Tlv]"
    length: int | None = None

    def encode(self) -> bytes:
        body = self.value if isinstance(self.value, bytes) else b"".join(member.encode() for member in self.value)
        size = len(body) if self.length is None else self.length
        return bytes((self.tag,)) + size.to_bytes(2, "big") + body


@dataclass(slots=True)
class Draft:
    """A list on the desk.

    Attributes:
        header: members after HeaderLength in order; tag 12 is filled by signing.
        records: TLVs of each record; one of tag 1 with the value b"" gets the right RECORDLENGTH.
        key: name of the key that signs.
        digest: digest that signs, whatever tag 8 says.
        start: the TLVs before, Version and HeaderLength; HeaderLength with the value b"" gets the right one.
        padding: padding bytes; None for as many as alignment needs.
        tail: bytes after the last record.
    """

    header: list[Tlv]
    records: list[list[Tlv]]
    key: str
    digest: Digest = SHA512
    start: list[Tlv] = field(default_factory=lambda: [Tlv(1, b"\x01\x02"), Tlv(2, b"")])
    padding: int | None = None
    tail: bytes = b""

    def copy(self) -> "Draft":
        return copy.deepcopy(self)

    def member(self, *path: int) -> Tlv:
        """Return a header member by the tags that lead to it."""
        found, level = None, self.header
        for tag in path:
            found = next(m for m in level if m.tag == tag)
            level = found.value if isinstance(found.value, list) else []
        assert found is not None
        return found

    def of_record(self, number: int, tag: int) -> Tlv:
        """Return a TLV of a record, counted from 1."""
        return next(m for m in self.records[number - 1] if m.tag == tag)

    def body(self) -> bytes:
        out = bytearray()
        for record in self.records:
            rest = b"".join(m.encode() for m in record if not (m.tag == 1 and m.value == b""))
            if record and record[0].tag == 1 and record[0].value == b"":
                out += b"\x01\x00\x02" + (5 + len(rest)).to_bytes(2, "big")
            out += rest
        return bytes(out) + self.tail

    def encode(self) -> bytes:
        return self.sign(self.body())

    def sign(self, body: bytes) -> bytes:
        """Return header, signed, and ``body``."""
        key = rsa_key(self.key)
        size = key.key_size // 8
        for member in self.header:
            if member.tag == 12 and not member.value:
                member.value = bytes(size)
        members = b"".join(m.encode() for m in self.header)
        start_size = sum(len(m.encode()) for m in self.start) + sum(2 for m in self.start if not m.value)
        unpadded = start_size + len(members)
        padding = b"\x0d" * (-unpadded % 4 if self.padding is None else self.padding)
        length = (unpadded + len(padding)).to_bytes(2, "big")
        start = b"".join((m if m.value else Tlv(m.tag, length)).encode() for m in self.start)
        return sign_in_place(start + members + padding + body, key, self.digest)


def signature_place(data: bytes) -> tuple[int, int] | None:
    """Return offset of the SIGNATURE TLV and bytes of its value, found as a plain reader would; None without one."""
    offset = 10
    while offset + 3 <= len(data):
        tag, size = data[offset], int.from_bytes(data[offset + 1 : offset + 3], "big")
        if tag == 12:
            return offset, size
        offset += 1 if tag == 13 else 3 if tag in (3, 7, 9, 16, 17, 21) else 3 + size
    return None


def sign_in_place(data: bytes, key: RSAPrivateKey, digest: Digest) -> bytes:
    """Sign a file anew: the SIGNATURE value is replaced, every other byte kept."""
    place = signature_place(data)
    if place is None or place[1] * 8 != key.key_size or place[0] + 3 + place[1] > len(data):
        return data
    offset, size = place
    signature = key.sign(data[:offset] + data[offset + 3 + size :], PKCS1v15(), _algorithm(digest))
    return data[: offset + 3] + signature + data[offset + 3 + size :]


def _algorithm(digest: Digest) -> hashes.HashAlgorithm:
    names: dict[int, hashes.HashAlgorithm] = {
        1: hashes.SHA1(),  # noqa: S303 - what old clusters sign with
        2: hashes.SHA256(),
        3: hashes.SHA512(),
    }
    return names[digest.code]


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def magnitude(serial: int) -> bytes:
    return serial.to_bytes(max(1, (serial.bit_length() + 7) // 8), "big")


_CODES = {512: 0, 1024: 1, 2048: 2, 4096: 3}


def spelled(certificate: Certificate, *, issuer: bool = False) -> str:
    """Return a name in CUCM's spelling."""
    name = certificate.issuer if issuer else certificate.subject
    return ";".join(f"{k}={v}" for want in ("CN", "OU", "O", "L", "ST", "C") for k, v in name if k == want)


def header_of(signer: Certificate, filename: str, timestamp: int, digest: Digest) -> list[Tlv]:
    """Return the header members that CUCM writes."""
    who = [
        Tlv(4, text(spelled(signer))),
        Tlv(5, magnitude(signer.serial)),
        Tlv(6, text(spelled(signer, issuer=True))),
    ]
    algorithm = [Tlv(10, b"\0"), Tlv(11, bytes((_CODES.get(signer.key_bits, 9),)))]
    return [
        Tlv(3, who),
        Tlv(7, [Tlv(8, bytes((digest.code,))), Tlv(9, algorithm)]),
        Tlv(12, b""),
        Tlv(14, text(filename)),
        Tlv(15, timestamp.to_bytes(4, "big")),
    ]


def record_of(role: int, certificate: Certificate | None, dns_name: str = "", address: str | None = None) -> list[Tlv]:
    """Return the TLVs of a record as CUCM writes them."""
    record = [Tlv(1, b""), Tlv(2, text(dns_name))]
    if certificate is not None:
        record.append(Tlv(3, text(spelled(certificate))))
    record.append(Tlv(4, role.to_bytes(2, "big")))
    if certificate is not None:
        record += [
            Tlv(5, text(spelled(certificate, issuer=True))),
            Tlv(6, magnitude(certificate.serial)),
            Tlv(7, certificate.list_key or b""),
            Tlv(8, certificate.signature),
            Tlv(9, certificate.der),
        ]
    if address is not None:
        record.append(Tlv(10, bytes(map(int, address.split(".")))))
    return record


def draft(
    signer: CertificatePlan,
    records: Iterable[tuple[int, Certificate | None, str, str | None]],
    *,
    filename: str = "CTLFile.tlv",
    timestamp: int = SIGNED_AT,
    digest: Digest = SHA512,
) -> Draft:
    """Return the draft of a good list of (role, certificate, DNS name, address) records."""
    header = header_of(signer.read(), filename, timestamp, digest)
    return Draft(header, [record_of(*record) for record in records], signer.key_name, digest)


RECOVERY = plan("ITLRECOVERY_pub.example.com", "rsa2048-recovery", serial=0x4F1E2D3C4B5A69788796A5B4C3D2E1F0)
PUB = plan("pub.example.com", "rsa2048-pub", serial=0x81A3950011223344)
SUB1 = plan("sub1.example.com", "rsa2048-sub1", serial=0x5102030405060708)
SUB2 = plan("sub2.example.com", "rsa2048-sub2", serial=0x6102030405060708)
CAPF = plan("CAPF-1a2b3c4d", "rsa2048-capf", serial=0x7102030405060708)
TVS = plan("tvs.example.com", "rsa2048-tvs", serial=0x3102030405060708)
STRANGER = plan("stranger.example.com", "rsa2048-stranger", serial=0x2102030405060708)
PHONE = plan("SEP001122334455", "rsa2048-phone", serial=0x11)
# Short keys, for the many lists that are about something else: a fifth of the bytes, and faster to sign.
SMALL_RECOVERY = plan("ITLRECOVERY_small.example.com", "rsa1024-a", serial=0x41A1B2C3, digest="sha1")
SMALL_PUB = plan("small.example.com", "rsa1024-b", serial=0x42A1B2C3, digest="sha1")
SMALL_CAPF = plan("CAPF-5e6f7a8b", "rsa1024-c", serial=0x43A1B2C3, digest="sha1")
SMALL_SUB = plan("small2.example.com", "rsa1024-d", serial=0x44A1B2C3, digest="sha1")
SMALL_STRANGER = plan("stranger2.example.com", "rsa1024-e", serial=0x45A1B2C3, digest="sha1")

Row = tuple[int, Certificate | None, str, str | None]

NODES = ((PUB, "pub", "10.1.1.11"), (SUB1, "sub1", "10.1.1.12"), (SUB2, "sub2", "10.1.1.13"))


def ctl_rows() -> list[Row]:
    """Return the records of a three-node cluster's CTL."""
    rows: list[Row] = [(0, RECOVERY.read(), "pub", "10.1.1.11"), (0, PUB.read(), "pub", "10.1.1.11")]
    rows += [(2, node.read(), name, address) for node, name, address in NODES]
    return [*rows, (4, CAPF.read(), "pub", "10.1.1.11")]


def itl_rows() -> list[Row]:
    """Return the records of the ITL of that cluster's publisher: one TVS certificate serves all three nodes."""
    rows: list[Row] = [(0, RECOVERY.read(), "pub", "10.1.1.11"), (0, PUB.read(), "pub", "10.1.1.11")]
    rows += [(2, PUB.read(), "pub", "10.1.1.11"), (4, CAPF.read(), "pub", "10.1.1.11")]
    return rows + [(21, TVS.read(), name, address) for _, name, address in NODES]


def small_rows() -> list[Row]:
    """Return the records of a small CTL with short keys."""
    return [
        (0, SMALL_RECOVERY.read(), "small", "10.1.1.11"),
        (0, SMALL_SUB.read(), "small2", "10.1.1.12"),
        (2, SMALL_PUB.read(), "small", "10.1.1.11"),
    ]


def small_draft(digest: Digest = SHA512) -> Draft:
    """Return the draft of a small good CTL; the mutators' raw material."""
    return draft(SMALL_RECOVERY, small_rows(), digest=digest)


def list_plan(rows: Iterable[Row], kind: Kind = Kind.CTL, **changes: object) -> ListPlan:
    """Return the same records as a plan for the library's own writer."""
    records = [RecordPlan(Role(role), certificate, name, address) for role, certificate, name, address in rows]
    arguments: dict[str, object] = {"timestamp": SIGNED_AT, **changes}
    return ListPlan(kind, records, **arguments)  # type: ignore[arg-type]  # the test names fields of the class


def sgn_draft(
    signer: CertificatePlan, filename: str, *, digest: Digest = SHA512, version: bytes = b"\x01\x00"
) -> Draft:
    """Return the draft of a signed file's header; `Draft.sign` puts it before a payload."""
    header = header_of(signer.read(), filename, SIGNED_AT, digest)
    return Draft(header, [], signer.key_name, digest, [Tlv(1, version), Tlv(2, b"")])


#: Test-only content key and IV.
CONTENT_KEY = bytes(range(16))
CONTENT_IV = bytes(range(16, 32))


def encrypted_draft(
    signer: CertificatePlan, filename: str, phone: CertificatePlan, plaintext: bytes, *, digest: Digest = SHA512
) -> tuple[Draft, bytes]:
    """Return the draft of an encrypted file's header, and its payload."""
    count = 16 - len(plaintext) % 16
    encryptor = Cipher(AES(CONTENT_KEY), CBC(CONTENT_IV)).encryptor()
    payload = encryptor.update(plaintext + b"\x0d" * count) + encryptor.finalize()
    one = sgn_draft(signer, filename, digest=digest, version=b"\x02\x00")
    bits = rsa_key(phone.key_name).key_size
    cipher = [Tlv(18, b"\0"), Tlv(19, CONTENT_IV), Tlv(20, count.to_bytes(2, "big"))]
    key = [Tlv(22, b"\0"), Tlv(23, bits.to_bytes(2, "big")), Tlv(24, b"\x01"), Tlv(25, wrapped_key(phone.key_name))]
    one.header.append(Tlv(16, [Tlv(17, cipher), Tlv(21, key)]))
    one.header += [Tlv(26, bytes((digest.code,))), Tlv(27, hashlib.new(digest.name, plaintext).digest())]
    return one, payload


def wrapped_key(key_name: str) -> bytes:
    """Return `CONTENT_KEY` encrypted by PKCS#1 v1.5, with padding that is not random: a corpus can be made anew."""
    numbers = rsa_key(key_name).public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    block = b"\0\2" + b"\xa5" * (size - 3 - len(CONTENT_KEY)) + b"\0" + CONTENT_KEY
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(size, "big")
