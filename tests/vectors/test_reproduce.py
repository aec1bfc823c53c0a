"""Both families of lists are rebuilt byte for byte: the independent tool's, and a genuine cluster's."""

from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from ctlctl_trust import (
    Certificate,
    ContentKey,
    FilePlan,
    Layout,
    ListPlan,
    RecordPlan,
    SigningIdentity,
    TrustList,
    build_encrypted_file,
    build_signed_file,
    build_trust_list,
    parse_trust_list,
    read_certificate,
    verify_signed_file,
    verify_trust_list,
)
from ctlctl_trust.header import Header
from ctlctl_trust.signature import DIGESTS, Digest
from ctlctl_trust.tlv import HeaderTag, Role
from support.vectors import DIRECTORY, NOW, SKIP_REASON, Vector, shared, shared_index

pytestmark = pytest.mark.skipif(not shared_index(), reason=SKIP_REASON)


@cache
def keys_of_others() -> dict[bytes, RSAPrivateKey]:
    """Return certificate DER -> private key of every RSA pair in the shared vectors."""
    keys: dict[bytes, RSAPrivateKey] = {}
    for path in sorted((DIRECTORY / "certs").glob("*.pem")):
        pem = path.read_bytes()
        key = load_pem_private_key(pem, None)
        if isinstance(key, RSAPrivateKey):
            keys[x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)] = key
    return keys


def identity_for(header: Header, certificates: dict[bytes, RSAPrivateKey]) -> SigningIdentity | None:
    for der, key in certificates.items():
        certificate = read_certificate(der)
        serial = certificate.serial.to_bytes((certificate.serial.bit_length() + 7) // 8, "big")
        if serial == header.serial:
            return SigningIdentity.from_key(certificate, key)
    return None


def plan_of(trust_list: TrustList, layout: Layout) -> ListPlan:
    header = trust_list.header
    assert trust_list.kind is not None
    assert header.timestamp is not None
    records = [
        RecordPlan(
            Role(record.role_code or 0),
            None if record.certificate is None else read_certificate(record.certificate),
            record.dns_name,
            record.ip_address,
            with_signature=record.signature is not None,
        )
        for record in trust_list.records
    ]
    digest = DIGESTS[header.digest_code or 0]
    return ListPlan(trust_list.kind, records, header.timestamp, digest, layout, header.signer_version)


# Over 65,535 bytes we refuse to build (test below); the rest of tlv/ can be rebuilt.
LISTS = [v for v in shared_index() if v.name.startswith("tlv/") and v.name != "tlv/sixty_records.tlv"]


@pytest.mark.parametrize("vector", LISTS, ids=str)
def test_lists_of_the_independent_tool(vector: Vector) -> None:
    data = shared(vector.name)
    trust_list = parse_trust_list(data)
    identity = identity_for(trust_list.header, keys_of_others())
    assert identity is not None
    assert build_trust_list(plan_of(trust_list, Layout.CERTUTILS), identity) == data


def test_a_list_too_large_for_phones_is_refused_and_would_have_been_the_same() -> None:
    data = shared("tlv/sixty_records.tlv")
    trust_list = parse_trust_list(data)
    identity = identity_for(trust_list.header, keys_of_others())
    assert identity is not None
    with pytest.raises(ValueError, match=r"91,924 bytes and 60 records: phones fail to load one over 65,535"):
        build_trust_list(plan_of(trust_list, Layout.CERTUTILS), identity)


def file_plan(header: Header) -> FilePlan:
    assert header.filename is not None
    assert header.timestamp is not None
    return FilePlan(header.filename, header.timestamp, DIGESTS[header.digest_code or 0], Layout.CERTUTILS)


def header_of(data: bytes, *, encrypted: bool) -> Header:
    header = verify_signed_file(data, NOW, encrypted=encrypted).header
    assert header is not None
    return header


@pytest.mark.parametrize(
    "vector", [v for v in shared_index() if v.name.startswith("sgn/") and v.kind == "sgn"], ids=str
)
def test_signed_files_of_the_independent_tool(vector: Vector) -> None:
    data = shared(vector.name)
    header = header_of(data, encrypted=False)
    identity = identity_for(header, keys_of_others())
    assert identity is not None
    assert build_signed_file(file_plan(header), data[header.length :], identity) == data


def phone() -> tuple[Certificate, RSAPrivateKey]:
    pem = shared("certs/dev.pem")
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return read_certificate(der), keys_of_others()[der]


@pytest.mark.parametrize("vector", [v for v in shared_index() if v.decrypt_key], ids=str)
def test_encrypted_files_of_the_independent_tool(vector: Vector) -> None:
    data = shared(vector.name)
    header = header_of(data, encrypted=True)
    identity = identity_for(header, keys_of_others())
    assert identity is not None
    certificate, key = phone()
    wrapped, iv = header.values[HeaderTag.WRAPPED_KEY], header.values[HeaderTag.IV]
    secret = key.decrypt(wrapped, PKCS1v15())
    decryptor = Cipher(AES(secret), CBC(iv)).decryptor()
    padded = decryptor.update(data[header.length :]) + decryptor.finalize()
    plaintext = padded[: -int.from_bytes(header.values[HeaderTag.PLAINTEXT_PADDING], "big")]
    content = ContentKey(secret, iv, wrapped)
    assert build_encrypted_file(file_plan(header), plaintext, identity, certificate, content) == data


def test_the_genuine_list() -> None:
    data = shared("real/CTLFile_cucm_genuine_2015.tlv")
    trust_list = parse_trust_list(data)
    genuine = trust_list.header.signature
    assert genuine is not None
    signed: list[tuple[bytes, Digest]] = []

    def sign(message: bytes, digest: Digest) -> bytes:
        signed.append((message, digest))
        return genuine

    signer = read_certificate(trust_list.records[0].certificate or b"")
    rebuilt = build_trust_list(plan_of(trust_list, Layout.CUCM), SigningIdentity(signer, sign))
    assert rebuilt == data
    # What would have been signed is what the cluster signed.
    [(message, digest)] = signed
    assert isinstance(signer.key, RSAPublicKey)
    signer.key.verify(genuine, message, PKCS1v15(), digest.algorithm)
    offset = trust_list.header.offset_of(HeaderTag.SIGNATURE)
    assert offset == 158
    assert message == data[:158] + data[158 + 3 + 128 :]
    assert verify_trust_list(rebuilt, NOW).signer is not None
