"""Signed (.sgn) and encrypted (.enc.sgn) phone files: reading and verifying.

No genuine file is public; the layout is that of one independent implementation which serves real phones. The header is
that of trust lists, which was checked on genuine bytes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ctlctl_trust.anchors import TrustAnchors
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import FindingLog, Findings
from ctlctl_trust.header import ENCRYPTED_FILE, SIGNED_FILE, Header, scan_header
from ctlctl_trust.signature import DIGESTS, SHA256, Digest
from ctlctl_trust.signer import Candidate, Signer, check_algorithms, find_signer
from ctlctl_trust.tlv import MAX_INPUT, HeaderTag, Role
from ctlctl_trust.trustlist import LIST_NAMES
from ctlctl_trust.verify import ListReport, Policy, check_validity, require_aware

T = HeaderTag

#: Bytes of an AES block.
BLOCK = 16
_SIGNING_ROLES = frozenset({Role.CCM_TFTP, Role.TFTP})


@dataclass(frozen=True, slots=True)
class SignedReport:
    """What verification of a signed file gave.

    Attributes:
        header: the header, or None when it could not be read.
        findings: everything found.
        signer: who signed, and whether the signature verifies; None when nobody could be asked.
        plaintext: the decrypted file, when a key was given and everything about it was right.
        anchored: True when an anchor is the signer's certificate or vouches for the list that was asked.
    """

    header: Header | None
    findings: Findings
    signer: Signer | None = None
    plaintext: bytes | None = None
    anchored: bool | None = None


def verify_signed_file(  # noqa: PLR0913 - each argument is one thing the verdict may hang on
    data: bytes,
    now: datetime,
    *,
    encrypted: bool,
    lists: Sequence[ListReport] = (),
    policy: Policy | None = None,
    anchors: TrustAnchors | None = None,
    decrypt_key: RSAPrivateKey | None = None,
) -> SignedReport:
    """Verify a signed phone file.

    Args:
        data: the whole file.
        now: the instant to judge validity at; aware.
        encrypted: read it as .enc.sgn.
        lists: verified trust lists whose CCM+TFTP and TFTP records may sign.
        policy: what to accept and expect.
        anchors: certificates the operator trusts.
        decrypt_key: the phone's private RSA key.

    Returns:
        Every finding. Without lists, ``no-trust-list``: nothing can be decided. Never
        raises for any bytes.

    Raises:
        ValueError: ``now`` is not aware.
    """
    require_aware(now)
    policy = policy or Policy()
    log = FindingLog()
    if len(data) > MAX_INPUT:
        log.add(Code.TOO_LARGE, f"{len(data):,} bytes: more than {MAX_INPUT:,} are not read")
        return SignedReport(None, log.freeze())
    header = scan_header(data, ENCRYPTED_FILE if encrypted else SIGNED_FILE, log)
    if header is None:
        return SignedReport(None, log.freeze())
    _check_name(header, policy, log)
    if header.version[1] != 0 and header.version[0] == (2 if encrypted else 1):
        message = "version {}.{}; every signed file seen so far has minor version 0".format(*header.version)
        log.add(Code.UNUSUAL_VERSION, message, offset=0, tag=1)
    signer, anchored = _check_signer(data, header, lists, policy, anchors, log)
    if signer is not None and signer.candidate is not None:
        check_validity(header, [signer.candidate], signer, now, log)
    plaintext = None
    if encrypted:
        plaintext = _decrypt(data, header, decrypt_key, policy, log)
    return SignedReport(header, log.freeze(), signer, plaintext, anchored)


def filename_problem(name: str) -> str | None:
    """Return why ``name`` is no safe relative path for a signed file, or None."""
    if not name:
        return "is empty"
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in name):
        return "has control characters"
    if "\\" in name or name.startswith("/") or ".." in name.split("/"):
        return "leaves its directory"
    return None


def _check_name(header: Header, policy: Policy, log: FindingLog) -> None:
    name = header.filename
    if name is None:
        return
    problem = filename_problem(name)
    if problem is None and name in LIST_NAMES:
        problem = "is the name of a trust list"
    if problem is None and policy.expected_name is not None and name != policy.expected_name:
        problem = f"is not the expected {policy.expected_name!r}"
    if problem is not None:
        log.add(Code.FILENAME, f"FILENAME {name!r} {problem}", offset=header.offset_of(T.FILENAME), tag=14)


def _check_signer(  # noqa: PLR0913 - see verify_signed_file
    data: bytes,
    header: Header,
    lists: Sequence[ListReport],
    policy: Policy,
    anchors: TrustAnchors | None,
    log: FindingLog,
) -> tuple[Signer | None, bool | None]:
    digest = check_algorithms(header, log, allow_sha256=policy.allow_sha256)
    if not lists:
        # An anchor alone does not do: only a list says in which role a key may sign.
        message = "no trust list was given, so nobody could be asked who may sign this; give one with --trust-list"
        log.add(Code.NO_TRUST_LIST, message)
        return None, None
    candidates: list[Candidate] = []
    vouched: set[bytes] = set()
    for report in lists:
        records = () if report.trust_list is None else report.trust_list.records
        for number, (record, certificate) in enumerate(zip(records, report.certificates, strict=True), 1):
            candidates.append(Candidate(number, None, record, certificate))
        if report.anchored:
            vouched.update(report.keys_of(*_SIGNING_ROLES))
    signer = find_signer(data, header, candidates, _SIGNING_ROLES, digest, log, absent=Code.SIGNER_UNKNOWN)
    if anchors is None:
        return signer, None
    own = None if signer.candidate is None else signer.candidate.certificate
    # Any of the lists may vouch: a node's certificate stands in CTL and ITL.
    anchored = signer.verified is True and own is not None and own.list_key in vouched | anchors.keys
    if not anchored:
        log.add(Code.ANCHOR_MISMATCH, "no anchor vouches for a trust list that names the signer")
    return signer, anchored


def _decrypt(data: bytes, header: Header, key: RSAPrivateKey | None, policy: Policy, log: FindingLog) -> bytes | None:
    """Check what encrypts the payload, and decrypt it when a key is given and nothing is wrong so far."""
    payload = data[header.length :]
    wrapped = header.values.get(T.WRAPPED_KEY, b"")
    if not payload or len(payload) % BLOCK:
        message = f"{len(payload):,} bytes of ciphertext are no whole number of {BLOCK}-byte blocks"
        log.add(Code.CIPHERTEXT_LENGTH, message, offset=header.length)
    bits = _number(header, T.WRAPPED_KEY_BITS)
    if wrapped and bits is not None and bits != len(wrapped) * 8:
        message = f"the wrapped key has {len(wrapped)} bytes, its key size says {bits} bits"
        log.add(Code.KEY_UNWRAP, message, offset=header.offset_of(T.WRAPPED_KEY_BITS), tag=23)
    padding = _number(header, T.PLAINTEXT_PADDING)
    if padding is not None and padding > min(BLOCK, len(payload)):
        message = f"{padding} padding bytes: more than a block of {BLOCK} or than the payload"
        log.add(Code.PLAINTEXT_PADDING, message, offset=header.offset_of(T.PLAINTEXT_PADDING), tag=20)
    code = header.values.get(T.PLAINTEXT_DIGEST_ALGORITHM, b"")
    digest = DIGESTS.get(code[0]) if len(code) == 1 else None
    if len(code) == 1 and digest is None:
        offset = header.offset_of(T.PLAINTEXT_DIGEST_ALGORITHM)
        log.add(Code.DIGEST, f"digest code {code[0]} of the plaintext is not known", offset=offset, tag=26)
    elif digest is SHA256 and not policy.allow_sha256:
        offset = header.offset_of(T.PLAINTEXT_DIGEST_ALGORITHM)
        message = "digest code 2 (SHA-256) of the plaintext is written by no known cluster"
        log.add(Code.DIGEST_UNSUPPORTED, message, offset=offset, tag=26)
    if log.has_errors or digest is None or padding is None:
        return None
    if key is None:
        log.add(Code.NOT_DECRYPTED, "no phone key was given: what is encrypted was not looked at")
        return None
    return _unwrap(payload, header, key, padding, digest, log)


def _number(header: Header, tag: HeaderTag) -> int | None:
    """Return a number of two bytes; None for any other length, which has been said, and may be 60,000."""
    value = header.values.get(tag, b"")
    return int.from_bytes(value, "big") if len(value) == 2 else None


def _unwrap(  # noqa: PLR0913 - the pieces that _decrypt has checked
    payload: bytes, header: Header, key: RSAPrivateKey, padding: int, digest: Digest, log: FindingLog
) -> bytes | None:
    wrapped, iv = header.values[T.WRAPPED_KEY], header.values[T.IV]
    offset = header.offset_of(T.WRAPPED_KEY)
    if key.key_size != len(wrapped) * 8:
        message = f"the file is for an RSA-{len(wrapped) * 8} key, the phone key given is RSA-{key.key_size}"
        log.add(Code.KEY_UNWRAP, message, offset=offset, tag=25)
        return None
    try:
        secret = key.decrypt(wrapped, PKCS1v15())
    except ValueError:
        secret = b""
    if len(secret) != BLOCK:
        message = "the phone key given does not unwrap the content key: the file is for another phone or certificate"
        log.add(Code.KEY_UNWRAP, message, offset=offset, tag=25)
        return None
    decryptor = Cipher(AES(secret), CBC(iv)).decryptor()
    padded = decryptor.update(payload) + decryptor.finalize()
    plaintext = padded[: len(padded) - padding]
    if hashlib.new(digest.name, plaintext, usedforsecurity=False).digest() != header.values[T.PLAINTEXT_DIGEST]:
        message = "the decrypted content does not have the digest that the header states"
        log.add(Code.PLAINTEXT_DIGEST, message, offset=header.offset_of(T.PLAINTEXT_DIGEST), tag=27)
        return None
    return plaintext
