"""Building and signing CTLs and ITLs, in CUCM's own spelling and order or in the independent writer's."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from ctlctl_trust.certificate import Certificate
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.signature import SHA512, Digest
from ctlctl_trust.signing import BuildError, HeaderPlan, Layout, SigningIdentity, member, sign_file, spell, written
from ctlctl_trust.tlv import PHONE_SIZE_LIMIT, RecordTag, Role
from ctlctl_trust.trustlist import Kind

T = RecordTag

_FILENAMES = {Kind.CTL: "CTLFile.tlv", Kind.ITL: "ITLFile.tlv"}
_CERTUTILS_ORDER = (
    T.SUBJECT_NAME,
    T.ISSUER_NAME,
    T.SERIAL_NUMBER,
    T.FUNCTION,
    T.PUBLIC_KEY,
    T.SIGNATURE,
    T.CERTIFICATE,
)


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """One record to write.

    Attributes:
        role: its role.
        certificate: its certificate, or None for the record without trust that CUCM keeps in non-secure mode.
        dns_name: host name or dotted address of the node; CUCM writes an empty one for hardware tokens.
        ip_address: dotted IPv4 address, or None to leave it out.
        with_signature: write tag 8; False as in lists of the hardware-token era.
    """

    role: Role
    certificate: Certificate | None = None
    dns_name: str | None = None
    ip_address: str | None = None
    with_signature: bool = True


@dataclass(frozen=True, slots=True)
class ListPlan:
    """A list to write.

    Attributes:
        kind: CTL or ITL.
        records: the records, in order; the signer must be a SAST among them.
        timestamp: signing time, seconds since 1970-01-01 UTC.
        digest: SHA-1 or SHA-512.
        layout: whose spelling and order.
        signer_version: tag 28, or None to leave it out as clusters of 10.x do.
    """

    kind: Kind
    records: Sequence[RecordPlan]
    timestamp: int
    digest: Digest = SHA512
    layout: Layout = Layout.CUCM
    signer_version: tuple[int, int] | None = None


def encode_record(plan: RecordPlan, layout: Layout) -> bytes:
    """Return the bytes of one record.

    Raises:
        BuildError: a value does not fit, or the key is of a kind that no list can carry.
    """
    values: dict[RecordTag, bytes] = {T.FUNCTION: plan.role.to_bytes(2, "big")}
    certificate = plan.certificate
    if certificate is not None:
        if certificate.list_key is None:
            raise BuildError(f"{certificate.common_name}: a trust list cannot carry a {certificate.key_label} key")
        values[T.SUBJECT_NAME] = written(spell(certificate.subject, layout))
        values[T.ISSUER_NAME] = written(spell(certificate.issuer, layout))
        values[T.SERIAL_NUMBER] = serial_bytes(certificate.serial)
        values[T.PUBLIC_KEY] = certificate.list_key
        if plan.with_signature:
            values[T.SIGNATURE] = certificate.signature
        values[T.CERTIFICATE] = certificate.der
    if layout is Layout.CUCM:
        values[T.DNS_NAME] = written(plan.dns_name or "")
        order: Sequence[RecordTag] = sorted(values)
        if plan.ip_address is not None:
            values[T.IP_ADDRESS] = _packed(plan.ip_address)
            order = sorted(values)
    else:
        order = [tag for tag in _CERTUTILS_ORDER if tag in values]
    body = b"".join(member(tag, values[tag]) for tag in order)
    length = 5 + len(body)
    if length > 0xFFFF:
        raise BuildError(f"a record of {length} bytes does not fit: RECORDLENGTH has 16 bits")
    return member(T.RECORD_LENGTH, length.to_bytes(2, "big")) + body


def _packed(address: str) -> bytes:
    try:
        return IPv4Address(address).packed
    except AddressValueError as error:
        raise BuildError(
            f"{address!r} is no IPv4 address; how an IPv6 address would be written is not known"
        ) from error


def build_trust_list(plan: ListPlan, identity: SigningIdentity) -> bytes:
    """Return a signed trust list.

    Args:
        plan: what to write.
        identity: who signs.

    Raises:
        BuildError: the signer is no SAST of the list, something does not fit its field, or the list would be over
            65,535 bytes, which phones fail to load.
    """
    if not plan.records:
        raise BuildError("a list needs at least one record")
    signer = identity.certificate
    if not any(
        r.role is Role.SAST and r.certificate is not None and r.certificate.der == signer.der for r in plan.records
    ):
        raise BuildError(f"the signer {signer.common_name} is no SAST record of the list: no phone would accept it")
    body = b"".join(encode_record(record, plan.layout) for record in plan.records)
    header = HeaderPlan((1, 2), _FILENAMES[plan.kind], plan.timestamp, plan.digest, plan.layout, plan.signer_version)
    data = sign_file(header, identity, body)
    if len(data) > PHONE_SIZE_LIMIT:
        raise BuildError(
            f"the list would have {len(data):,} bytes and {len(plan.records)} records: phones fail to load one over "
            f"{PHONE_SIZE_LIMIT:,} bytes and then do not register"
        )
    return data
