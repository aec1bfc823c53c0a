"""`ctlctl trustlist build`."""

import os
from dataclasses import dataclass
from datetime import datetime

from ctlctl.files import write_whole
from ctlctl.terminal import printable, say
from ctlctl.verify.helpers import HelperError
from ctlctl.verify.loading import load_rsa_key, read_certificates
from ctlctl.verify.settings import UsageError, parse_instant
from ctlctl.verify.sources import read_file
from ctlctl_trust.build import ListPlan, RecordPlan, build_trust_list
from ctlctl_trust.certificate import Certificate, CertificateError, describe_key
from ctlctl_trust.signature import SHA1, SHA512
from ctlctl_trust.signing import BuildError, Layout, SigningIdentity
from ctlctl_trust.tlv import NEAR_SIZE_BYTES, Role, role_from_name
from ctlctl_trust.trustlist import Kind

_DIGESTS = {"sha1": SHA1, "sha512": SHA512}
_SIGNER_VERSIONS = {"none": None, "1.0": (1, 0), "1.1": (1, 1)}


@dataclass(frozen=True, slots=True)
class BuildArguments:
    """The words of a `ctlctl trustlist build` command line."""

    kind: str
    records: tuple[str, ...]
    sign_key: str
    out: str
    sign_password_file: str | None = None
    digest: str = "sha512"
    layout: str = "cucm"
    signer_version: str = "none"
    at: str | None = None
    force: bool = False


def run_build(arguments: BuildArguments, clock: datetime) -> int:
    """Make a list; return 0, or 3 when a file cannot be had or written, or 4 when the list would be no good.

    Raises:
        UsageError: a word makes no sense.
    """
    moment = clock if arguments.at is None else parse_instant(arguments.at)
    try:
        records = tuple(_record(spec) for spec in arguments.records)
        identity = _identity(arguments, records)
        plan = ListPlan(
            Kind(arguments.kind),
            records,
            int(moment.timestamp()),
            _DIGESTS[arguments.digest],
            Layout(arguments.layout),
            _SIGNER_VERSIONS[arguments.signer_version],
        )
        data = build_trust_list(plan, identity)
    except HelperError as error:
        say(str(error))
        return 3
    except BuildError as error:
        say(f"refused: {error}")
        return 4
    try:
        write_whole(arguments.out, data, replace=arguments.force)
    except FileExistsError:
        say(f"{arguments.out}: is there already and was left alone; --force replaces it")
        return 3
    except OSError as error:
        say(f"{arguments.out}: not written: {error.strerror or error}")
        return 3
    signer = printable(identity.certificate.common_name)
    print(f"{printable(arguments.out)}   {len(data):,} B, {len(records)} records, signed by {signer}")
    if len(data) >= NEAR_SIZE_BYTES:
        say("this list is nearly as large as phones can load (65,535 bytes)")
    return 0


def _record(spec: str) -> RecordPlan:
    """Read role=ROLE,cert=FILE,dns=NAME,ip=ADDRESS."""
    values: dict[str, str] = {}
    for part in spec.split(","):
        key, equals, value = part.partition("=")
        if not equals or not value or key not in ("role", "cert", "dns", "ip") or key in values:
            raise UsageError(f"--record {spec}: write role=ROLE,cert=FILE[,dns=NAME][,ip=ADDRESS], each at most once")
        values[key] = value
    try:
        role: Role = role_from_name(values.get("role", ""))
    except ValueError as error:
        raise UsageError(f"--record {spec}: {error}") from None
    certificate = _certificate(spec, values["cert"]) if "cert" in values else None
    return RecordPlan(role, certificate, values.get("dns"), values.get("ip"))


def _load(option: str, path: str) -> bytes:
    content = read_file(path)
    if content.data is None:
        why = content.problem.message if content.problem is not None else "nothing was read"
        raise HelperError(f"{option} {path}: {why}")
    return content.data


def _certificate(spec: str, path: str) -> Certificate:
    try:
        certificates = read_certificates(_load("--record", path))
    except CertificateError as error:
        raise HelperError(f"--record {spec}: {error}") from error
    if len(certificates) > 1:
        raise HelperError(f"--record {spec}: {path} holds {len(certificates)} certificates; a record takes one")
    return certificates[0]


def _identity(arguments: BuildArguments, records: tuple[RecordPlan, ...]) -> SigningIdentity:
    path = arguments.sign_key
    password = None
    if arguments.sign_password_file is not None:
        password = _load("--sign-password-file", arguments.sign_password_file).rstrip(b"\r\n")
    data = _load("--sign-key", path)
    key = load_rsa_key("--sign-key", path, data, "trust lists are signed with RSA only", password)
    if os.stat(path).st_mode & 0o077:
        say(f"{path}: the private key can be read by others than its owner; chmod 600 it")
    mine = describe_key(key.public_key())[2]
    for record in records:
        if record.role is Role.SAST and record.certificate is not None and record.certificate.list_key == mine:
            return SigningIdentity.from_key(record.certificate, key)
    raise BuildError("no SAST record has the key of --sign-key, so no phone would accept the list")
