"""What is checked of certificates, keys and strings: strict as they stand, each check to be relaxed by name.

docs/capf-protocol.md tells where the public capfd does not check.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ctlctl_capf.elements import RSA_SIZES, KeyOrder
from ctlctl_capf.frame import CapfLocalError, CapfPeerError, CapfReason
from ctlctl_capf.outcome import Operation, Result
from ctlctl_trust.certificate import Certificate, describe_key, usable
from ctlctl_trust.issuing import issued_by

#: Names of hardware: a prefix and the MAC, of gateways ten digits of it and three of the port.
_HARDWARE: Final = re.compile(r"[A-Z]{2,3}[0-9A-F]{12,13}")
#: What cryptography is known to raise on extensions that it does not like.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
#: Characters of a device name; SEP and MAC have 15, users' names in CUCM at most 128.
MAX_DEVICE: Final = 256

PublicKey = RSAPublicKey | EllipticCurvePublicKey


class AuthMode(IntEnum):
    """How a device proves who it is, by the numbers of ``<capfAuthMode>``."""

    NONE = 0
    STRING = 1
    NULL_STRING = 2
    #: By existing certificate, precedence to the LSC; a device without one shows its MIC.
    LSC = 3
    #: By existing certificate, precedence to the MIC.
    MIC = 4


@dataclass(frozen=True, slots=True)
class ServerRules:
    """What a server checks.

    Attributes:
        check_dates: the existing certificate must be valid now.
        check_issuer: it must have been signed by a known issuer.
        check_device: its CN must name the device.
        check_usage: it must be allowed to sign, where it says what it is for.
        require_sha2: SIGNED_DATA, which is SHA-1, is not enough. Not the default: which phones send no
            SHA2_SIGNED_DATA is not known.
        require_sudi: the session must be signed too; without that an answer can be replayed. Not the default: capfc
            and phones without an RSA factory certificate send none.
        check_null_string: where the string is empty, the client must send none.
        consume_string: a string is good for one session; it is void from the moment that it was right.
        check_key: the key must be of the kind and size that was ordered.
        tolerance: by how much clocks may differ.
    """

    check_dates: bool = True
    check_issuer: bool = True
    check_device: bool = True
    check_usage: bool = True
    require_sha2: bool = False
    require_sudi: bool = False
    check_null_string: bool = True
    consume_string: bool = True
    check_key: bool = True
    tolerance: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ClientRules:
    """What a client checks and does.

    Attributes:
        operations: what it lets a server do to it.
        check_dates: a new certificate must be valid now.
        check_issuer: it must have been signed by a known issuer.
        check_device: its CN must name the device.
        announce: whether to say REQUEST_IN_PROGRESS before a key is made, as capfc does.
        tolerance: by how much clocks may differ.
    """

    operations: frozenset[Operation] = frozenset({Operation.INSTALL, Operation.FETCH, Operation.DELETE})
    check_dates: bool = True
    check_issuer: bool = True
    check_device: bool = True
    announce: bool = True
    tolerance: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Order:
    """What a server has to do for one device.

    Attributes:
        operation: what.
        mode: how the device must prove who it is.
        string: authentication string, for mode STRING.
        key: key to be made, for INSTALL.
        until: instant from which the order no longer counts ("Operation Completes By"), or None.

    Raises:
        CapfLocalError: it cannot be carried out: no key or one that is refused, no string, an instant without a zone.
    """

    operation: Operation
    mode: AuthMode = AuthMode.NULL_STRING
    string: str = field(default="", repr=False)
    key: KeyOrder | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.operation is Operation.INSTALL:
            if self.key is None:
                raise CapfLocalError("a certificate cannot be installed without an order for its key")
            if (refusal := self.key.refusal) is not None:
                raise CapfLocalError(refusal)
        if self.mode is AuthMode.STRING and not self.string:
            raise CapfLocalError("there is no authentication string to compare with")
        if self.until is not None and self.until.tzinfo is None:
            raise CapfLocalError("an order ends at an instant with a zone")


def same_string(one: str, other: str) -> bool:
    """Compare two authentication strings; the time that takes says neither where they differ nor how long they are."""
    first, second = (sha256(each.encode("utf-8", "surrogatepass")).digest() for each in (one, other))
    return compare_digest(first, second)


def names_device(certificate: Certificate, device: str) -> bool:
    """Tell whether a certificate is a device's.

    A phone's CN is ``SEP…`` or ``CP-8861-SEP…``; other names (of users) must be the whole CN. A subject with several
    CNs names nobody.
    """
    names = [value for kind, value in certificate.subject if kind == "CN"]
    if len(names) != 1 or not device:
        return False
    if _HARDWARE.fullmatch(device):
        return names[0].rpartition("-")[2] == device
    return names[0] == device


def wrong_dates(certificate: Certificate, now: datetime, tolerance: timedelta) -> Result | None:
    """Return what is wrong with a certificate's validity, or None."""
    if now + tolerance < certificate.not_before:
        return Result.CERTIFICATE_NOT_YET_VALID
    return Result.CERTIFICATE_EXPIRED if now - tolerance > certificate.not_after else None


def is_issued(certificate: Certificate, issuers: Iterable[Certificate]) -> bool:
    """Tell whether one of some issuers signed a certificate."""
    return any(issued_by(certificate, issuer) for issuer in issuers)


def may_sign(certificate: Certificate) -> bool:
    """Tell whether a certificate's key usage lets it sign; True where it has none, False where it cannot be read."""
    if certificate.odd is not None:
        return False
    try:
        usage = x509.load_der_x509_certificate(certificate.der).extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        return True
    except _UNREADABLE:
        return False
    return usage.value.digital_signature


def read_key(public_key: bytes) -> PublicKey:
    """Read a client's new key.

    Raises:
        CapfPeerError: it is none that is used here.
    """
    try:
        key = load_der_public_key(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CapfPeerError(CapfReason.BAD_KEY, "the public key cannot be read") from None
    if not isinstance(key, PublicKey) or not usable(key):
        raise CapfPeerError(CapfReason.BAD_KEY, "the public key is of a kind or size that is not used")
    if isinstance(key, RSAPublicKey) and key.key_size < min(RSA_SIZES):
        raise CapfPeerError(CapfReason.BAD_KEY, KeyOrder.rsa(key.key_size).refusal or "")
    return key


def check_key(key: PublicKey, order: KeyOrder) -> None:
    """Hold a key against the order.

    Raises:
        CapfPeerError: it is another kind or size.
    """
    label, _, _ = describe_key(key)
    if label != order.label:
        raise CapfPeerError(CapfReason.KEY_NOT_AS_ORDERED, f"{order.label} was ordered, {label} came")
