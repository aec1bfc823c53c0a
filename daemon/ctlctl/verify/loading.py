"""Reading the files an operator gives beside the targets."""

import base64
import binascii
import re
from typing import TYPE_CHECKING

from ctlctl.verify.helpers import HelperError, HelperFiles, HelperPaths, Helpers
from ctlctl.verify.sources import Network, read_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from ctlctl_trust.anchors import TrustAnchors
    from ctlctl_trust.certificate import Certificate
    from ctlctl_trust.verify import ListReport, Policy

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)


def load_files(paths: HelperPaths, network: Network | None = None) -> HelperFiles:
    """Read the helper files.

    Raises:
        HelperError: one of them cannot be had.
    """

    def load(option: str, path: str | None) -> tuple[str, bytes] | None:
        if path is None:
            return None
        content = read_target(path, network)
        if content.data is None:
            why = content.problem.message if content.problem is not None else "nothing was read"
            raise HelperError(f"{option} {path}: {why}")
        return path, content.data

    def load_all(option: str, several: "Sequence[str]") -> tuple[tuple[str, bytes], ...]:
        loaded = (load(option, path) for path in several)
        return tuple(pair for pair in loaded if pair is not None)

    return HelperFiles(
        load_all("--trust-anchor", paths.trust_anchors),
        load("--previous", paths.previous),
        load("--ctl", paths.ctl),
        load_all("--trust-list", paths.trust_lists),
        load("--decrypt-key", paths.decrypt_key),
    )


def prepare(files: HelperFiles, now: "datetime", policy: "Policy") -> Helpers:
    """Make use of the helper files' bytes.

    Raises:
        HelperError: one of them is not what its option needs.
    """
    anchors = _anchors(files.trust_anchors, now, policy) if files.trust_anchors else None
    previous = None
    if files.previous is not None and files.previous[1]:
        previous = _list("--previous", files.previous, now, policy, None)
    ctl = None if files.ctl is None else _list("--ctl", files.ctl, now, policy, None)
    if ctl is not None and ctl.trust_list is not None and ctl.trust_list.kind != "ctl":
        raise HelperError(f"--ctl {files.ctl[0] if files.ctl else ''}: this is an ITL, not a CTL")
    lists = tuple(_list("--trust-list", pair, now, policy, anchors) for pair in files.trust_lists)
    key = None if files.decrypt_key is None else _private_key(*files.decrypt_key)
    return Helpers(anchors, previous, ctl, lists, key, files.previous is not None)


def _list(
    option: str, file: tuple[str, bytes], now: "datetime", policy: "Policy", anchors: "TrustAnchors | None"
) -> "ListReport":
    from ctlctl_trust.codes import Code, Severity  # noqa: PLC0415 - only when the option is used
    from ctlctl_trust.verify import verify_trust_list  # noqa: PLC0415

    path, data = file
    report = verify_trust_list(data, now, policy, anchors)
    # That no anchor vouches for a helper list is said of the file it is asked about, not held against the list.
    errors = [
        finding
        for finding in report.findings.listed
        if finding.severity is Severity.ERROR and finding.code is not Code.ANCHOR_MISMATCH
    ]
    if errors:
        raise HelperError(
            f"{option} {path}: not a good trust list itself ({errors[0].code}: {errors[0].message}); "
            f"see `ctlctl verify {path}`"
        )
    return report


def pem_blocks(data: bytes) -> list[tuple[str, bytes]]:
    """Return (label, DER bytes) of each PEM block; blocks whose base64 is broken are left out."""
    blocks = []
    for label, body in _PEM.findall(data):
        try:
            blocks.append((label.decode(), base64.b64decode(b"".join(body.split()), validate=True)))
        except binascii.Error:
            continue
    return blocks


def read_certificates(data: bytes) -> "tuple[Certificate, ...]":
    """Return the certificates of a PEM or DER file; other PEM blocks are passed over.

    Raises:
        CertificateError: there is no certificate, or one cannot be read.
    """
    from ctlctl_trust.certificate import CertificateError, read_certificate  # noqa: PLC0415 - see above

    if data.startswith(b"\x30"):
        return (read_certificate(data),)
    ders = [der for label, der in pem_blocks(data) if label in ("CERTIFICATE", "X509 CERTIFICATE")]
    if not ders:
        raise CertificateError("no certificate in it, neither PEM nor DER")
    return tuple(read_certificate(der) for der in ders)


def _anchors(files: tuple[tuple[str, bytes], ...], now: "datetime", policy: "Policy") -> "TrustAnchors":
    from ctlctl_trust.anchors import TrustAnchors  # noqa: PLC0415 - only when the option is used
    from ctlctl_trust.certificate import CertificateError  # noqa: PLC0415
    from ctlctl_trust.tlv import Role  # noqa: PLC0415

    found: list[Certificate] = []
    for path, data in files:
        if data[:1] == b"\x01":
            report = _list("--trust-anchor", (path, data), now, policy, None)
            found += report.keys_of(Role.SAST).values()
            continue
        try:
            found += read_certificates(data)
        except CertificateError as error:
            raise HelperError(f"--trust-anchor {path}: {error}; give a PEM certificate or a trust list") from error
    return TrustAnchors(tuple(found))


def _private_key(path: str, data: bytes) -> "RSAPrivateKey":
    return load_rsa_key("--decrypt-key", path, data, "the content key of a phone file is wrapped for RSA keys only")


def load_rsa_key(option: str, path: str, data: bytes, why_rsa: str, password: bytes | None = None) -> "RSAPrivateKey":
    """Return the RSA private key of a PEM file.

    Raises:
        HelperError: there is none, it needs another password, or it is of another kind.
    """
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm  # noqa: PLC0415 - only when the option is used
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    match = next((m for m in _PEM.finditer(data) if m.group(1).endswith(b"PRIVATE KEY")), None)
    if match is None:
        raise HelperError(f"{option} {path}: no private key in PEM form in it")
    try:
        key = load_pem_private_key(match.group(0) + b"\n", password)
    except TypeError as error:
        need = (
            "is encrypted: decrypt a copy first (openssl pkey)"
            if password is None
            else "is not encrypted, but a password was given"
        )
        raise HelperError(f"{option} {path}: the private key {need}") from error
    except (ValueError, UnsupportedAlgorithm, InternalError) as error:
        raise HelperError(f"{option} {path}: the private key cannot be read (wrong password, or damaged)") from error
    if not isinstance(key, RSAPrivateKey):
        raise HelperError(f"{option} {path}: not an RSA key; {why_rsa}")
    return key
