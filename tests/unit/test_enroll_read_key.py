"""Private keys that cannot be read: the error says so, and repeats nothing of the key."""

from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ctlctl.enroll.credential import read_given
from ctlctl.enroll.errors import EnrollError
from ctlctl.enroll.keys import certificates_pem, key_pem, read_key
from ctlctl.verify.helpers import HelperError
from ctlctl.verify.loading import load_rsa_key
from support.pki import key, plan

PEM = key_pem(key("ec256"))
DER = key("ec256").private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
#: prime239v3 in the place of P-256.
UNKNOWN = DER.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030106"))
#: An Edwards key, X448, with the 32 bytes of an X25519 one.
SHORT = bytes.fromhex("302e020100300506032b656f04220420") + bytes(range(32))
LINES = PEM.splitlines()
BAD = {
    # The library takes what has a colon behind it for headers, and repeats it.
    "headers": b"\n".join((LINES[0], *LINES[1:-1], b"a: b", b"", LINES[-1])),
    "cut": b"\n".join((*LINES[:-2], LINES[-2][:-3], LINES[-1])),
    "curve": b"-----BEGIN PRIVATE KEY-----\n" + b64encode(UNKNOWN) + b"\n-----END PRIVATE KEY-----\n",
    "another length": b"-----BEGIN PRIVATE KEY-----\n" + b64encode(SHORT) + b"\n-----END PRIVATE KEY-----\n",
    "empty": b"",
}


@pytest.mark.parametrize("pem", BAD.values(), ids=BAD)
def test_a_key_that_cannot_be_read_stays_unsaid(pem: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it is ") as found:
        read_key(pem)
    assert not any(line.decode() in str(found.value) for line in LINES[1:-1])
    certificate = certificates_pem((plan("jtapi-1", "ec256").read().der,))
    with pytest.raises(EnrollError, match=r"^/key.pem: it is .+ Name a private key, PEM"):
        read_given(Path("/certificate.pem"), Path("/key.pem"), certificate, pem)
    with pytest.raises(HelperError, match=r"^--decrypt-key /key.pem: (the private key|no private key)|not an RSA key"):
        load_rsa_key("--decrypt-key", "/key.pem", pem, "RSA only")
