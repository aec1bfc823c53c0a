"""Who signed: finding the header's signer among records, and checking the signature with its certificate.

A signer is looked up by serial number and issuer, never by name alone, and the signature is checked with the key of
the record's certificate, never with the loose PUBLICKEY beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ctlctl_trust.certificate import Certificate
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import FindingLog
from ctlctl_trust.header import Header
from ctlctl_trust.names import ComparableName, NameMatch, comparable, compare_name, same_spelled
from ctlctl_trust.record import Record
from ctlctl_trust.signature import DIGESTS, MODULUS_BITS, SHA256, Digest, signed_digest, verifies
from ctlctl_trust.tlv import HeaderTag, Role, role_name, serial_text

T = HeaderTag


class Candidate(NamedTuple):
    """A record that might be the signer's.

    Attributes:
        number: its number in its list, from 1.
        offset: where it begins in its file, or None when that is another file.
        record: the record.
        certificate: its certificate, or None.
    """

    number: int
    offset: int | None
    record: Record
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class Signer:
    """The outcome of looking for the signer.

    Attributes:
        candidate: the record whose key was used, or None when there is none.
        verified: True when the signature verifies, False when not, None when it could not be checked.
        digest: the digest named, or None when its code is unknown.
    """

    candidate: Candidate | None
    verified: bool | None
    digest: Digest | None


def check_algorithms(header: Header, log: FindingLog, *, allow_sha256: bool) -> Digest | None:
    """Check digest, signature algorithm and modulus code; return the digest if a signature can be checked by it."""
    digest = None
    code = header.digest_code
    if code is not None:
        digest = DIGESTS.get(code)
        offset, tag = header.offset_of(T.DIGEST_ALGORITHM), int(T.DIGEST_ALGORITHM)
        if digest is None:
            log.add(Code.DIGEST, f"digest code {code} is not known", offset=offset, tag=tag)
        elif digest is SHA256 and not allow_sha256:
            message = "digest code 2 (SHA-256) is written by no known cluster; --allow-digest sha256 accepts it"
            log.add(Code.DIGEST_UNSUPPORTED, message, offset=offset, tag=tag)
        elif digest.weak:
            log.add(Code.WEAK_DIGEST, f"signed with {digest.title}", offset=offset, tag=tag)
    algorithm = header.signature_algorithm
    if algorithm not in (None, 0):
        message = f"signature algorithm {algorithm} is not RSA PKCS#1 v1.5 (0)"
        log.add(Code.SIGALG, message, offset=header.offset_of(T.SIGNATURE_ALGORITHM), tag=10)
        digest = None
    modulus, signature = header.modulus_code, header.signature
    if modulus is not None and signature:
        bits = MODULUS_BITS.get(modulus)
        if bits is None or bits != len(signature) * 8:
            means = "is not known" if bits is None else f"means RSA-{bits}"
            message = f"modulus code {modulus} {means}, the signature has {len(signature)} bytes"
            log.add(Code.MODULUS_MISMATCH, message, offset=header.offset_of(T.SIGNATURE_MODULUS), tag=11)
    return digest


def named_by(header: Header, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates whose serial number and issuer are those the header names."""
    serial, issuer = header.serial.lstrip(b"\0"), header.issuer
    if issuer is None:
        return []
    # Read once: every one of 1,000 records may claim this serial number, and the issuer may be 60 KB long.
    meant: ComparableName | None = None
    named = []
    for candidate in candidates:
        record = candidate.record
        if record.serial is None or record.issuer is None or record.serial.lstrip(b"\0") != serial:
            continue
        if record.issuer != issuer:
            meant = comparable(issuer) if meant is None else meant
            if not meant or comparable(record.issuer) != meant:
                continue
        named.append(candidate)
    return named


def find_signer(  # noqa: PLR0913 - one argument per thing a signature hangs on
    data: bytes,
    header: Header,
    candidates: Sequence[Candidate],
    roles: frozenset[Role],
    digest: Digest | None,
    log: FindingLog,
    *,
    absent: Code | None = Code.SIGNER_MISSING,
) -> Signer:
    """Find the signer and check the signature.

    Args:
        data: the whole signed file.
        header: its header.
        candidates: every record that may be asked.
        roles: the roles that may sign this kind of file.
        digest: what `check_algorithms` returned.
        log: takes what is wrong.
        absent: the code for a signer that no record names; None where that cannot be known.
    """
    named = named_by(header, candidates)
    signing = [c for c in named if c.record.role_code in roles and c.certificate is not None]
    if signing:
        return _check_signature(data, header, signing, digest, log)
    who = f"{header.signer_name or 'a signer without a name'}, serial {serial_text(header.serial) or 'missing'}"
    if not named:
        if absent is not None:
            message = f"no record names the signer {who}"
            log.add(absent, message, offset=header.offset_of(T.SERIAL_NUMBER), tag=int(T.SERIAL_NUMBER))
        return Signer(None, None, digest)
    signing = [c for c in named if c.certificate is not None]
    if not signing:
        message = f"the record of the signer {who} has no readable certificate"
        code = absent or Code.SIGNER_MISSING
        log.add(code, message, offset=named[0].offset, tag=1, record=named[0].number)
        return Signer(named[0], None, digest)
    held = ", ".join(sorted({role_name(c.record.role_code) for c in signing}))
    wanted = " or ".join(role_name(role) for role in sorted(roles))
    message = f"the signer {who} is {held}, not {wanted}"
    tag = 1 if named[0].offset is None else 4
    log.add(Code.SIGNER_ROLE, message, offset=named[0].offset, tag=tag, record=named[0].number)
    return _check_signature(data, header, signing, digest, log)


def _check_signature(
    data: bytes, header: Header, signing: list[Candidate], digest: Digest | None, log: FindingLog
) -> Signer:
    first = signing[0]
    keys = {c.certificate.list_key for c in signing if c.certificate is not None}
    if len(keys) > 1:
        numbers = ", ".join(str(c.number) for c in signing)
        message = f"records {numbers} claim the signer's serial number and issuer with different keys"
        log.add(Code.KEY_SUBSTITUTED, message, offset=first.offset, record=first.number)
    _check_signer_name(header, first, log)
    offset = header.offset_of(T.SIGNATURE)
    signature = header.signature
    if offset is None or not signature or digest is None:
        return Signer(first, None, digest)
    value = signed_digest(data, offset, len(signature), digest)
    # Different keys are an error already; which of them signed is still worth knowing. The number of keys tried is
    # bounded by the number of distinct ones, and each costs one RSA operation.
    tried: set[bytes | None] = set()
    for candidate in signing:
        certificate = candidate.certificate
        if certificate is None or certificate.list_key in tried:
            continue
        tried.add(certificate.list_key)
        if verifies(certificate.key, signature, value, digest):
            return Signer(candidate, verified=True, digest=digest)
    key = first.certificate.key_label if first.certificate is not None else "no key"
    message = f"the {key}/{digest.title} signature does not verify with the key of record {first.number}"
    log.add(Code.BAD_SIGNATURE, message, offset=offset, tag=int(T.SIGNATURE))
    return Signer(first, verified=False, digest=digest)


def _check_signer_name(header: Header, candidate: Candidate, log: FindingLog) -> None:
    name = header.signer_name
    if name is None or candidate.certificate is None or name == candidate.record.subject:
        return
    match = compare_name(name, candidate.certificate.subject)
    if match is NameMatch.SAME:
        # One of the two known spellings, the record in the other: a .sgn and a list by different writers.
        return
    if match is NameMatch.DIFFERENT and not same_spelled(name, candidate.record.subject or ""):
        message = f"SIGNERNAME {name!r} is not the subject of record {candidate.number}"
        log.add(Code.RECORD_INCONSISTENT, message, offset=header.offset_of(T.SIGNER_NAME), tag=4)
    else:
        message = f"SIGNERNAME {name!r} is spelled unlike record {candidate.number}"
        log.add(Code.SUBJECT_SPELLING, message, offset=header.offset_of(T.SIGNER_NAME), tag=4)
