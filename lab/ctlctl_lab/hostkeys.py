"""SSH host keys of the nodes: RSA, as CUCM's."""

from base64 import b64decode, b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_lab.dirs import LabDir


def host_key(directory: LabDir, node: str, *, other: bool = False) -> RSAPrivateKey:
    """Return a node's host key, made at its first use.

    Args:
        directory: where it is kept.
        node: name of the node.
        other: the one that the switch ``ssh-host-key`` shows instead.
    """
    return directory.rsa_key(f"{node}-ssh-other" if other else f"{node}-ssh")


def host_key_fingerprint(directory: LabDir, node: str) -> str:
    """Return the fingerprint of a node's host key as ``ssh-keygen -l`` prints it: "SHA256:…"."""
    public = host_key(directory, node).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    blob = b64decode(public.split()[1])
    return "SHA256:" + b64encode(sha256(blob).digest()).decode().rstrip("=")
