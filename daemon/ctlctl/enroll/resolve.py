"""From what an operator gave to what is wanted: where CAPF is, whom to believe, how to prove oneself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from ctlctl.cluster.inuse import SettingsClusters
from ctlctl.connectors.ports import join_endpoint
from ctlctl.enroll.anchors import Anchors, of_cluster, of_list, of_pem
from ctlctl.enroll.credential import Server, StoredCredential, read_given, read_password
from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.enroll.folder import PIN, CredentialFolder
from ctlctl.enroll.identity import Identity, UserKind, named, of_user
from ctlctl.enroll.session import Proof, by_certificate, without_anchor
from ctlctl.inventory.collect_lists import read_lists
from ctlctl.verify.helpers import HelperError
from ctlctl.verify.settings import UsageError
from ctlctl_capf.frame import PORT
from ctlctl_config.enrolment import DEFAULT_NAME_FORMAT
from ctlctl_config.errors import SettingsError
from ctlctl_config.loading import load_settings
from ctlctl_config.model import ClusterSettings
from ctlctl_config.names import no_such_cluster
from ctlctl_config.plainfiles import NoPlainFileError, read_plain
from ctlctl_trust.certificate import Certificate

#: Bytes of any file that an operator names: a trust list has at most 4 MiB.
_MAX_BYTES: Final = 4 * 1024 * 1024
_FILES: Final = {"ctl": "CTLFile.tlv", "itl": "ITLFile.tlv"}
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an operator gave.

    Attributes:
        out: the directory of the credential.
        server: ``HOST[:PORT]``.
        cluster: name of a cluster in the settings.
        name: the name that CAPF is told.
        user: application user, instead.
        end_user: end user, instead.
        instance: instance ID of the user.
        name_format: how the name is made of user and instance.
        subject: CN of the certificate.
        auth_string_file: file with the authentication string.
        certificate: certificate to authenticate by.
        key: its key.
        trust_anchor: certificate of CAPF; with `trust_list` that of the list's signer.
        trust_list: CTL or ITL.
        trust_on_first_use: believe whoever answers first.
        issuer: certificate of the CA that signs for CAPF.
        require_key: the only kind of key that is made.
        p12_password_file: file with the password of the PKCS#12 file.
        renew: renew what is in the directory, if that is due.
        force: renew it anyway.
        renew_before_days: it is due so long before its end.
        capf_rest_days: it is not renewed where CAPF's certificate ends sooner.
        delete: delete what is in the directory.
        timeout_seconds: for the whole session.
        legacy_tls: speak old TLS.
    """

    out: Path
    server: str | None = None
    cluster: str | None = None
    name: str | None = None
    user: str | None = None
    end_user: str | None = None
    instance: str | None = None
    name_format: str | None = None
    subject: str | None = None
    auth_string_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    trust_anchor: Path | None = None
    trust_list: Path | None = None
    trust_on_first_use: bool = False
    issuer: Path | None = None
    require_key: str | None = None
    p12_password_file: Path | None = None
    renew: bool = False
    force: bool = False
    renew_before_days: int = 90
    capf_rest_days: int = 365
    delete: bool = False
    timeout_seconds: float = 300.0
    legacy_tls: bool = False


def identity_of(asked: Asked, stored: StoredCredential | None) -> Identity:
    """Return who asks.

    Raises:
        EnrollError: nobody is named, several are, or the directory holds the credential of another.
    """
    users = [each for each in (asked.user, asked.end_user) if each is not None]
    if asked.name is not None and not users and asked.instance is None:
        found = named(asked.name)
    elif len(users) == 1 and asked.name is None and asked.instance is not None:
        kind: UserKind = "application-user" if asked.user is not None else "end-user"
        found = of_user(kind, users[0], asked.instance, asked.name_format or DEFAULT_NAME_FORMAT)
    elif stored is not None and asked.name is None and not users and asked.instance is None:
        return stored.about.identity
    else:
        advice = "Give --name NAME, or --user U (or --end-user U) with --instance ID"
        raise EnrollError(EnrollFault.USAGE, "it is not said who enrols", advice)
    if stored is not None and stored.about.identity.name != found.name:
        detail = f"{asked.out} holds the credential of {stored.about.identity.name!r}, not of {found.name!r}"
        raise EnrollError(EnrollFault.OTHER_NAME, detail, "Name another directory with --out")
    return found


def proof_of(asked: Asked, stored: StoredCredential | None, now: datetime) -> Proof:
    """Return how to prove oneself: as given, or by the certificate of the directory.

    Raises:
        EnrollError: nothing is given, too much is, or it cannot be used.
    """
    pair = (asked.certificate, asked.key)
    if asked.auth_string_file is not None and pair == (None, None):
        return Proof(string=read_password(asked.auth_string_file))
    if asked.certificate is not None and asked.key is not None and asked.auth_string_file is None:
        pem, key = read_file("--certificate", asked.certificate), read_file("--key", asked.key, private=True)
        certificate, private = read_given(asked.certificate, asked.key, pem, key)
        return by_certificate(certificate, private, now)
    if asked.auth_string_file is None and pair == (None, None) and (asked.renew or asked.delete) and stored is not None:
        return by_certificate(stored.certificate, stored.key, now)
    advice = "Give --auth-string-file FILE, or --certificate PEM with --key PEM"
    raise EnrollError(EnrollFault.USAGE, "it is not said how to prove who enrols", advice)


class Resolver:
    """Finds out where CAPF is and whom to believe."""

    def __init__(self, asked: Asked, folder: CredentialFolder, settings: Callable[[], Path], now: datetime) -> None:
        """Read nothing yet.

        Args:
            asked: what the operator gave.
            folder: the credential's directory.
            settings: gives the settings file, where one is needed.
            now: this instant.
        """
        self._asked = asked
        self._folder = folder
        self._settings = settings
        self._now = now

    def server(self, stored: StoredCredential | None) -> Server:
        """Return where CAPF is.

        Raises:
            UsageError: nothing says it, or it makes no sense.
        """
        asked = self._asked
        if asked.server is not None:
            host, port = endpoint_of(asked.server)
            return Server(host, port, asked.cluster or "", asked.legacy_tls)
        if asked.cluster is not None:
            host, port = publisher(asked.cluster, self._cluster(asked.cluster))
            return Server(host, port, asked.cluster, asked.legacy_tls)
        if stored is not None:
            server = stored.about.server
            return replace(server, legacy_tls=server.legacy_tls or asked.legacy_tls)
        raise UsageError("where is CAPF? Give --server HOST[:PORT], or --cluster NAME of the settings")

    def anchors(self, server: Server, stored: StoredCredential | None) -> Anchors | None:
        """Return whom to believe; None for whoever answers now, where the operator wants that.

        Raises:
            EnrollError: nothing says it, or it cannot be had.
        """
        asked = self._asked
        issuers = self._issuers(stored)
        found = self._given()
        if found is None and asked.cluster is not None and not asked.trust_on_first_use:
            found = self._of_cluster(asked.cluster)
        if found is None:
            found = self._pinned()
        if found is not None:
            return replace(found, issuers=issuers)
        if asked.trust_on_first_use:
            if issuers:
                raise EnrollError(EnrollFault.USAGE, "--issuer needs an anchor", "Give --trust-anchor too")
            return None
        raise without_anchor(server, asked.timeout_seconds)

    def allow_lab(self) -> bool:
        """Tell whether a simulated CAPF may answer: not where the settings name a cluster that is none."""
        name = self._asked.cluster
        return name is None or self._cluster(name).lab

    def _given(self) -> Anchors | None:
        anchor, trust_list = self._asked.trust_anchor, self._asked.trust_list
        given = () if anchor is None else of_pem(f"--trust-anchor {anchor}", read_file("--trust-anchor", anchor))
        if trust_list is not None:
            option = f"--trust-list {trust_list}"
            return of_list(option, read_file("--trust-list", trust_list), self._now, given)
        return Anchors(given, "file", f"certificate of {anchor}") if given else None

    def _pinned(self) -> Anchors | None:
        pem = self._folder.pin()
        if pem is None:
            return None
        words = f"certificate that answered before ({self._folder.path / PIN})"
        return Anchors(of_pem(str(self._folder.path / PIN), pem), "pin", words)

    def _issuers(self, stored: StoredCredential | None) -> tuple[Certificate, ...]:
        if self._asked.issuer is not None:
            return of_pem(f"--issuer {self._asked.issuer}", read_file("--issuer", self._asked.issuer))
        return stored.chain if stored is not None and stored.about.outside_issuer else ()

    def _cluster(self, name: str) -> ClusterSettings:
        path = self._settings()
        try:
            settings = load_settings(path)
        except SettingsError as error:
            raise UsageError(str(error)) from None
        found = settings.clusters.get(name)
        if found is None:
            raise UsageError(no_such_cluster(path, name, settings.clusters))
        return found

    def _of_cluster(self, name: str) -> Anchors:
        cluster = self._cluster(name)
        try:
            known = SettingsClusters(self._settings()).in_use(name).known
        except HelperError as error:
            advice = (
                "Give CAPF's certificate with --trust-anchor, or its list with --trust-list; to renew, leave --cluster "
                "out: the CAPF that issued the certificate is pinned"
            )
            raise EnrollError(EnrollFault.CLUSTER, str(error), advice) from None
        return of_cluster(name, _lists(cluster), known.keys, self._now)


def publisher(name: str, cluster: ClusterSettings) -> tuple[str, int]:
    """Return host and port of the CAPF of a cluster: the publisher's, whose AXL is used too.

    Raises:
        UsageError: the settings say that it has none.
    """
    host = cluster.axl.host
    port = next((node.ports.capf for node in cluster.nodes if node.host == host), PORT)
    if not port:
        raise UsageError(f"the settings of {name} say that its publisher {host} has no CAPF (ports.capf = 0)")
    return host, port


def _lists(cluster: ClusterSettings) -> Iterator[tuple[str, bytes]]:
    for node, kind, data in read_lists(cluster.nodes):
        if isinstance(data, bytes):
            yield f"{_FILES[kind]} of {node}", data


def endpoint_of(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST[:PORT]``; an IPv6 address with a port stands in brackets.

    Raises:
        UsageError: it is no such thing.
    """
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (host.count(":") and not host.startswith("[")):
        # No port: a name, or an IPv6 address without brackets.
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 1 <= int(port) <= _MAX_PORT:
        raise UsageError(f"--server {text}: a server is HOST or HOST:PORT, such as {join_endpoint('cucm-pub', PORT)}")
    return host, int(port)


def read_file(option: str, path: Path, *, private: bool = False) -> bytes:
    """Read a file that an operator names.

    Args:
        option: which option named it.
        path: where it is.
        private: whether it must be for its owner alone.

    Raises:
        EnrollError: it cannot be read, or others can.
    """
    try:
        data, status = read_plain(path, _MAX_BYTES)
    except NoPlainFileError:
        raise EnrollError(EnrollFault.USAGE, f"{option} {path}: is no file", "Name a file") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise EnrollError(EnrollFault.USAGE, f"{option} {path}: cannot be read ({why})", "Check it") from None
    if len(data) > _MAX_BYTES:
        raise EnrollError(EnrollFault.USAGE, f"{option} {path}: is too large", "Name the file that is meant")
    if private and status.st_mode & 0o077:
        advice = f"chmod 600 {path}, and think about who may have read it"
        raise EnrollError(EnrollFault.USAGE, f"{option} {path}: others can get at it", advice)
    return data
