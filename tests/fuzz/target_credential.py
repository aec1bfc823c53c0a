"""Fuzz target: the files of a credential as `ctlctl capf enroll` reads them back, and those that an operator names.

The first byte chooses which of the files the rest is; the others are as they were written.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ctlctl.enroll.anchors import of_pem
from ctlctl.enroll.credential import About, Server, StoredCredential, read_given, read_stored
from ctlctl.enroll.errors import EnrollError
from ctlctl.enroll.folder import ABOUT, CERTIFICATE, CHAIN, KEY, KEYSTORE_PASSWORD, CredentialFolder
from ctlctl.enroll.identity import Identity
from ctlctl.enroll.keys import belongs, certificates_pem, key_pem
from support.mutate import ByteMutator
from support.pki import key, plan

NAME = "credential"
INSTRUMENT = ("ctlctl.enroll.credential", "ctlctl.enroll.keys", "ctlctl.enroll.anchors", "ctlctl.verify.loading")
#: Bytes; two certificates have 2,400.
MAX_LENGTH = 3072

_NAMES = (KEY, CERTIFICATE, CHAIN, ABOUT, KEYSTORE_PASSWORD)
_WHERE = Path("/etc/ctlctl/jtapi")
#: Characters of a message.
_MAX_WORDS = 2000
_PIECES = tuple(
    f"-----{end} {kind}-----".encode()
    for end in ("BEGIN", "END")
    for kind in ("CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "X")
)
_PIECES += (
    b"Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\n",
    b"null",
    b'"',
    b"[" * 200,
    b"9" * 400,
    b"\xff",
    b"\n",
)


class _Kept(CredentialFolder):
    """A directory whose files are in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(_WHERE)
        self._files = files

    def current(self) -> Mapping[str, bytes]:
        return self._files


@cache
def _files() -> dict[str, bytes]:
    who = Identity("jtapi-1", "jtapi", "1", "end-user", "{user}-{instance}")
    about = About(who, Server("cucm-pub", 3804, "hq"), datetime(2026, 11, 23, tzinfo=UTC))
    return {
        KEY: key_pem(key("ec256")),
        CERTIFICATE: certificates_pem((plan("jtapi-1", "ec256").read().der,)),
        CHAIN: certificates_pem((plan("CAPF-1", "rsa2048-sub1").read().der, plan("CA", "rsa2048-sub2").read().der)),
        ABOUT: about.encode(),
        KEYSTORE_PASSWORD: b"not-much-of-a-password\n",
    }


def seeds() -> list[bytes]:
    files = _files()
    curve = ec.derive_private_key(7, ec.SECP256R1())
    der = curve.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    # prime239v3, which no library has.
    unknown = b64encode(der.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030106")))
    other = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    more = (
        key_pem(curve),
        # Slow to read, for the numbers of a key are tried; so there is one of RSA, and a small one.
        key_pem(key("rsa1024-a")),
        curve.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"1")),
        b"-----BEGIN PRIVATE KEY-----\n" + unknown + b"\n-----END PRIVATE KEY-----\n",
        other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    )
    written = [bytes((number,)) + files[name] for number, name in enumerate(_NAMES)]
    return [*written, *(b"\0" + one for one in more), b"\1" + plan("jtapi-1", "ec256").read().der, b"\3[]"]


def one_input(data: bytes) -> None:
    if not data:
        return
    name, content = _NAMES[data[0] % len(_NAMES)], data[1:]
    files = {**_files(), name: content}
    try:
        stored = read_stored(_Kept(files))
    except EnrollError as error:
        _hold(error, content)
    else:
        assert stored is not None
        assert belongs(stored.key, stored.certificate)
        # What was read is written to what is read as the same.
        assert About.encode(stored.about) == About.encode(_again(files, stored.about).about)
        proof = stored.proof()
        assert proof.certificate == stored.certificate.der
    try:
        certificate, private = read_given(_WHERE, _WHERE, files[CERTIFICATE], files[KEY])
    except EnrollError as error:
        _hold(error, content)
    else:
        assert belongs(private, certificate)
    try:
        anchors = of_pem("--trust-anchor", content)
    except EnrollError as error:
        _hold(error, content)
    else:
        assert anchors
        assert of_pem("--trust-anchor", certificates_pem(tuple(one.der for one in anchors))) == anchors


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Put pieces of files in, or leave it to ``turn``."""
    if random.random() < 0.6:
        return turn(data, limit)
    place = random.randrange(len(data) + 1)
    return (data[:place] + random.choice(_PIECES) + data[place + random.randrange(40) :])[:limit]


def _again(files: Mapping[str, bytes], about: About) -> StoredCredential:
    found = read_stored(_Kept({**files, ABOUT: about.encode()}))
    assert found is not None
    return found


def _hold(error: EnrollError, content: bytes) -> None:
    said = str(error)
    assert said.isprintable()
    assert len(said) <= _MAX_WORDS
    # Not a line of any key is repeated.
    for text in (content, _files()[KEY]):
        lines = text.decode("latin-1").splitlines()
        assert not any(line in said for line in lines if len(line) >= 40)
