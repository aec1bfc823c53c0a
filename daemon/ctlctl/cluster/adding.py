"""`ctlctl cluster add`: from an address to a cluster in the settings, each step shown and confirmed.

Nothing is written until everything is known, and nothing secret is sent before somebody has said who the server is.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ctlctl.cluster.dialogue import Dialogue
from ctlctl.cluster.hostkeys import HostKeys, with_host_keys
from ctlctl.cluster.labcheck import is_lab_der
from ctlctl.cluster.nodeports import Found, look_at_nodes, node_table
from ctlctl.cluster.roles import READER_ROLES, WHERE
from ctlctl.cluster.view import ClusterView
from ctlctl.connectors.axl_enums import NodeRole, NodeUsage
from ctlctl.connectors.axl_values import ProcessNode
from ctlctl.connectors.errors import ConnectorError, Place
from ctlctl.connectors.ports import join_endpoint
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.tls_probe import Presented, probe, resolves
from ctlctl.verify.settings import UsageError
from ctlctl_config import (
    ClusterSettings,
    SecretError,
    SettingsError,
    load_settings,
    make_cluster,
    read_secret_file,
    write_cluster,
    write_secret_file,
)
from ctlctl_trust.certificate import CertificateError, read_certificate

#: Exit codes beside 0; see design.md, contracts.
REFUSED: Final = 4
UNDECIDED: Final = 3
#: Seconds for one handshake with a node.
_PROBE_SECONDS: Final = 10.0

OpenView = Callable[[str, ClusterSettings, Secret], ClusterView]


class AddError(Exception):
    """The cluster is not added; nothing was written.

    Attributes:
        code: exit code.
    """

    def __init__(self, message: str, code: int = UNDECIDED) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line has said; None or empty for what it has not.

    Attributes:
        name: the cluster's name.
        host: name or address of the publisher.
        port: TCP port of its web server.
        username: application user.
        password_file: file with the password, mode 0600.
        pins: SHA-256 fingerprints, "AA:BB:…", of certificates that are right.
        addresses: node name -> address, where its name cannot be looked up.
        ports: port name -> number, where a cluster has others than CUCM's own.
        phone_port: port of the phones' web servers.
        timezone: the cluster's.
        lab: whether it is a lab's cluster.
        assume_yes: answer yes to every question but who a server is.
        platform_user: OS administrator for the platform CLI and the certificate API; None for none.
        platform_password_file: file with its password, mode 0600.
        host_keys: fingerprints, "SHA256:…", of SSH host keys that are right.
    """

    name: str
    host: str | None = None
    port: int = 8443
    username: str | None = None
    password_file: str | None = None
    pins: frozenset[str] = frozenset()
    addresses: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    phone_port: int = 443
    timezone: str | None = None
    lab: bool = False
    assume_yes: bool = False
    platform_user: str | None = None
    platform_password_file: str | None = None
    host_keys: frozenset[str] = frozenset()


def add_cluster(path: Path, given: Given, dialogue: Dialogue, open_view: OpenView) -> None:
    """Add a cluster to the settings.

    Args:
        path: the settings file.
        given: what is known already.
        dialogue: asks for the rest.
        open_view: opens AXL and RIS with a password.

    Raises:
        AddError: it could not be, or was refused; nothing was written.
        UsageError: something is missing, and nobody is there to be asked.
        SettingsError: a value cannot be, or the settings file is not good as it is.
        OSError: it cannot be written.
    """
    _refuse_taken(path, given.name)
    host = given.host or dialogue.ask("Address of the publisher", "--host")
    timezone = given.timezone or dialogue.ask("Time zone of the cluster", "--timezone", machine_timezone())
    table: dict[str, object] = {"timezone": timezone, "lab": given.lab}
    # Host and time zone are checked before anything is asked of anybody.
    placeholder = {"host": host, "port": given.port, "username": "x", "password_file": "x", "tls_pin": "00" * 32}
    make_cluster(path, given.name, {**table, "axl": placeholder})
    presented = _meet(given, host, dialogue)
    for line in _roles():
        dialogue.tell(line)
    username = given.username or dialogue.ask("Application user", "--username")
    wanted = _Password(username, given.password_file, "axl", "--password-file")
    password, file, is_new = _password(path, given, wanted, dialogue)
    secrets = {file: password} if is_new else {}
    axl = {
        "host": host,
        "port": given.port,
        "username": username,
        "password_file": str(file),
        "tls_pin": presented.fingerprint,
    }
    cluster = make_cluster(path, given.name, {**table, "axl": axl})
    nodes = _explore(given, cluster, password, dialogue, open_view)
    table |= {"axl": axl, "nodes": nodes, "phones": {"https_port": given.phone_port}}
    if given.platform_user is not None:
        wanted = _Password(given.platform_user, given.platform_password_file, "platform", "--platform-password-file")
        password, file, is_new = _password(path, given, wanted, dialogue)
        secrets |= {file: password} if is_new else {}
        table["platform"] = {"username": given.platform_user, "password_file": str(file)}
        table["nodes"] = with_host_keys(given.name, nodes, HostKeys(given.host_keys, given.assume_yes), dialogue)
    cluster = make_cluster(path, given.name, table)
    if not given.assume_yes and not dialogue.confirm(f"Write cluster {given.name} to {path}?", "--yes"):
        raise AddError("not written: you said no", REFUSED)
    _write(path, given.name, cluster, secrets)
    dialogue.tell(f"{path}: cluster {given.name} added; now see what works: ctlctl cluster doctor {given.name}")


def _refuse_taken(path: Path, name: str) -> None:
    if path.exists() and name in load_settings(path).clusters:
        raise AddError(f"{path} has a cluster {name} already: remove it there, or use another name", REFUSED)


def _meet(given: Given, host: str, dialogue: Dialogue) -> Presented:
    """Look at the server, and let a person or the command line say whether it is the right one."""
    place = Place(given.name, host, "AXL")
    try:
        presented = probe(host, given.port, _PROBE_SECONDS, place=place)
    except ConnectorError as error:
        raise AddError(str(error)) from None
    endpoint = join_endpoint(host, given.port)
    for line in describe(endpoint, presented):
        dialogue.tell(line)
    if not given.lab and any(is_lab_der(der) for der in presented.chain):
        raise AddError(f"{endpoint} presents a certificate of a lab: give --lab if this is to be a lab's", REFUSED)
    if given.pins:
        if presented.fingerprint not in given.pins:
            raise AddError(f"{endpoint}: its certificate is none of those that --pin names", REFUSED)
        return presented
    question = "Compare it with OS Administration, Certificate Management, tomcat. Is it the same?"
    if not dialogue.confirm(question, "--pin with the fingerprint"):
        raise AddError("not added: the certificate was not confirmed", REFUSED)
    return presented


def describe(endpoint: str, presented: Presented) -> list[str]:
    """Return what a server presents, for a person to compare."""
    try:
        certificate = read_certificate(presented.leaf)
    except CertificateError as error:
        return [f"{endpoint} presents a certificate that cannot be read ({error})", f"  {presented.fingerprint}"]
    issuer = next((value for kind, value in certificate.issuer if kind == "CN"), "?")
    by = "self-signed" if certificate.issuer == certificate.subject else f"issued by {issuer}"
    return [
        f"{endpoint} presents the certificate of {certificate.common_name}, {by}",
        f"  {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}, {certificate.key_label}",
        f"  SHA-256 {presented.fingerprint}",
    ]


def _roles() -> list[str]:
    width = max(len(need.role) for need in READER_ROLES)
    rows = [f"  {need.role:<{width}}  {need.purpose}" for need in READER_ROLES]
    return [f"The application user needs these roles and no more ({WHERE}):", *rows]


@dataclass(frozen=True, slots=True)
class _Password:
    """A password that is wanted: whose, in which file if it is there already, and what would have said so."""

    username: str
    file: str | None
    kind: str
    option: str


def _password(path: Path, given: Given, wanted: _Password, dialogue: Dialogue) -> tuple[Secret, Path, bool]:
    """Return the password, the file that holds or will hold it, and whether that is still to be written."""
    if wanted.file is not None:
        file = Path(wanted.file).absolute()
        try:
            return Secret(read_secret_file(file).get_secret_value()), file, False
        except SecretError as error:
            raise AddError(str(error)) from None
    file = Path(os.path.realpath(path)).parent / "secrets" / f"{given.name}-{wanted.kind}.password"
    if file.exists():
        raise AddError(f"{file} is there already: give {wanted.option} {file} to use it, or remove it", REFUSED)
    password = dialogue.ask_secret(f"Password of {wanted.username}", wanted.option)
    if not password or not password.isprintable():
        raise UsageError("a password is one line of printable characters, not empty")
    return Secret(password), file, True


def _explore(
    given: Given, cluster: ClusterSettings, password: Secret, dialogue: Dialogue, open_view: OpenView
) -> Sequence[dict[str, object]]:
    """Ask AXL for the nodes, and look at each."""
    try:
        view = open_view(given.name, cluster, password)
    except ConnectorError as error:
        raise AddError(str(error)) from None
    try:
        version = view.version()
        dialogue.tell(f"CUCM {version.cluster}; AXL {version.schema} is spoken")
        nodes = [node for node in view.nodes() if node.role is not NodeRole.PRESENCE]
        services = {
            node.name: frozenset(s.service for s in view.services() if s.node == node.name and s.is_active)
            for node in nodes
        }
        known = _known_pems(view, dialogue)
    except ConnectorError as error:
        raise AddError(str(error)) from None
    finally:
        view.close()
    addresses = _addresses(given, cluster, nodes, dialogue)
    found = look_at_nodes(given.name, addresses, given.ports, services)
    tables = []
    for one in found:
        for line in one.lines():
            dialogue.tell(line)
        tables.append(node_table(one, _node_pin(given, cluster, one, known, dialogue)))
    return tables


def _known_pems(view: ClusterView, dialogue: Dialogue) -> frozenset[bytes]:
    """Return the certificates that the database vouches for; without SQL there are none, and a person is asked."""
    from ctlctl.verify.loading import pem_blocks  # noqa: PLC0415 - only here

    try:
        certificates = [one for one in view.certificates() if one.store in {"tomcat", "tomcat-trust", "tomcat-ECDSA"}]
    except ConnectorError as error:
        dialogue.tell(f"the database does not tell its certificates ({error.detail}); each node is asked about")
        return frozenset()
    return frozenset(der for one in certificates for _, der in pem_blocks(one.pem.encode()))


def _addresses(
    given: Given, cluster: ClusterSettings, nodes: Sequence[ProcessNode], dialogue: Dialogue
) -> dict[str, str]:
    """Return where each node is: as given, or its name, or what a person says."""
    found: dict[str, str] = {}
    for node in nodes:
        if node.name in given.addresses:
            found[node.name] = given.addresses[node.name]
        elif node.usage is NodeUsage.PUBLISHER:
            found[node.name] = cluster.axl.host
        elif resolves(node.name):
            found[node.name] = node.name
        else:
            question = f"Address of node {node.name} (its name cannot be looked up)"
            found[node.name] = dialogue.ask(question, f"--node {node.name}=ADDRESS")
    return found


def _node_pin(
    given: Given, cluster: ClusterSettings, found: Found, known: frozenset[bytes], dialogue: Dialogue
) -> str | None:
    """Return the fingerprint to pin for a node, or None where nobody vouches for it."""
    presented = found.presented.get("tomcat")
    if presented is None:
        dialogue.tell(f"{found.name}: its web server presents nothing, so nothing is pinned")
        return None
    if not given.lab and any(is_lab_der(der) for der in presented.chain):
        raise AddError(f"{found.name} presents a certificate of a lab: give --lab if this is to be a lab's", REFUSED)
    if presented.fingerprint == cluster.axl.tls_pin or presented.fingerprint in given.pins:
        return presented.fingerprint
    if presented.leaf in known:
        dialogue.tell(f"{found.name}: the publisher's database has this very certificate; pinned")
        return presented.fingerprint
    for line in describe(join_endpoint(found.host, found.ports["tomcat"]), presented):
        dialogue.tell(line)
    if given.assume_yes:
        dialogue.tell(f"{found.name}: nobody vouches for its certificate (give --pin), so nothing is pinned")
        return None
    confirmed = dialogue.confirm("Compare it with that node's own. Is it the same?", "--pin with the fingerprint")
    return presented.fingerprint if confirmed else None


def _write(path: Path, name: str, cluster: ClusterSettings, secrets: Mapping[Path, Secret]) -> None:
    """Write the passwords, then the settings; without the settings no password stays."""
    written: list[Path] = []
    try:
        for file, password in secrets.items():
            write_secret_file(file, password.reveal())
            written.append(file)
        write_cluster(path, name, cluster)
    except (SettingsError, OSError):
        for file in written:
            file.unlink(missing_ok=True)
        raise


def machine_timezone() -> str:
    """Return this machine's time zone by its IANA name, or UTC where it has none."""
    for text in (os.environ.get("TZ", "").removeprefix(":"), os.path.realpath("/etc/localtime")):
        name = text.partition("/zoneinfo/")[2] or text
        if name and not name.startswith("/") and "/" in name:
            return name
    return "UTC"
