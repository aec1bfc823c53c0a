"""The doctor's questions to AXL and RIS, and to the server behind both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from ctlctl.cluster.access import AccessError, Identity, identify, lifetime
from ctlctl.cluster.roles import READER_ROLES, missing_roles
from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.cluster.view import ClusterView, Registration
from ctlctl.connectors.axl_values import (
    AxlVersion,
    ClusterSecurity,
    KnownCertificate,
    LscColumn,
    NodeService,
    ProcessNode,
)
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.ports import join_endpoint
from ctlctl_config.model import ClusterSettings
from ctlctl_config.secretfiles import SecretError

#: What RIS is asked when there is no phone to ask about: a name that no device can have.
NO_PHONE: Final = "SEP000000000000"
#: Faults after which nothing more is asked of AXL: each further question would fail, or count as a wrong password.
_HOPELESS: Final = frozenset(
    {
        ConnectorFault.UNRESOLVED,
        ConnectorFault.UNREACHABLE,
        ConnectorFault.TIMEOUT,
        ConnectorFault.TLS,
        ConnectorFault.CREDENTIALS,
        ConnectorFault.NO_SERVICE,
        ConnectorFault.VERSION,
        ConnectorFault.REDIRECT,
        ConnectorFault.INVALID,
    }
)
_SILENT: Final = frozenset({ConnectorFault.UNRESOLVED, ConnectorFault.UNREACHABLE, ConnectorFault.TIMEOUT})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Learned:
    """What AXL told on the way; None for what could not be asked.

    Attributes:
        version: versions of AXL and cluster.
        nodes: nodes of the cluster.
        services: which service is activated where.
        security: the cluster security mode.
        certificates: what the database knows.
        phones: names of some phones.
        registrations: where RIS says those are.
    """

    version: AxlVersion | None = None
    nodes: Sequence[ProcessNode] | None = None
    services: Sequence[NodeService] | None = None
    security: ClusterSecurity | None = None
    certificates: Sequence[KnownCertificate] | None = None
    phones: Sequence[str] | None = None
    registrations: Sequence[Registration] | None = None


def row_of_error(interface: Interface, error: ConnectorError, endpoint: str, node: str | None = None) -> Row:
    """Return the row of an interface that raised an error: what the error says of each fact, and no more."""
    fault = error.fault
    answered = None if fault is ConnectorFault.INVALID else fault not in _SILENT
    return Row(
        interface=interface,
        status=Status.FAILED,
        message=error.detail.removeprefix(f"{endpoint}: "),
        node=node,
        endpoint=endpoint,
        reachable=answered,
        identity="mismatch" if fault is ConnectorFault.TLS else None,
        credentials=False if fault is ConnectorFault.CREDENTIALS else True if fault is ConnectorFault.RIGHTS else None,
        rights=False if fault is ConnectorFault.RIGHTS else None,
        fault=fault.value,
        advice=error.advice,
    )


def not_asked(interface: Interface, why: str, endpoint: str | None = None, node: str | None = None) -> Row:
    """Return the row of an interface that was not asked because something else is wrong."""
    return Row(interface=interface, status=Status.UNKNOWN, message=f"not asked: {why}", endpoint=endpoint, node=node)


def brief(fingerprint: str) -> str:
    """Return a fingerprint that is known to be right, short enough to read."""
    return f"SHA-256 {fingerprint[:2]}:…:{fingerprint[-2:]}"


def row_of_identity(
    interface: Interface, identity: Identity, now: datetime, endpoint: str, node: str | None = None
) -> Row:
    """Return the row of a server that presented something."""
    ends, worrying = lifetime(identity.certificate, now)
    status = Status.OK if identity.proven else Status.WARNING if identity.how == "unverified" else Status.FAILED
    return Row(
        interface=interface,
        status=Status.WARNING if worrying and status is Status.OK else status,
        message=f"{identity.words} ({brief(identity.presented.fingerprint)}, {ends})"
        if identity.proven
        else identity.words,
        node=node,
        endpoint=endpoint,
        reachable=True,
        identity=identity.how,
        sha256=identity.presented.fingerprint,
        version=identity.presented.tls_version,
        advice=identity.advice or ("Renew the certificate in time, and write the new pin" if worrying else None),
    )


class SoapDoctor:
    """Asks one cluster's AXL and RIS."""

    def __init__(
        self,
        name: str,
        cluster: ClusterSettings,
        open_view: Callable[[str, ClusterSettings], ClusterView],
        now: datetime,
    ) -> None:
        self._name = name
        self._cluster = cluster
        self._open_view = open_view
        self._now = now
        self._endpoint = join_endpoint(cluster.axl.host, cluster.axl.port)
        self._rows: list[Row] = []

    def examine(self, sample: int) -> "tuple[list[Row], Learned, ClusterView | None]":
        """Ask everything; whoever gets the view closes it.

        Args:
            sample: how many phones to get the names of.
        """
        self._rows = []
        place = Place(self._name, self._cluster.axl.host, "AXL")
        axl = self._cluster.axl
        try:
            seconds = min(axl.timeout_seconds, 10.0)
            identity = identify(self._cluster, axl, axl.host, axl.port, seconds, place)
        except AccessError as error:
            self._rows.append(row_of_error(Interface.IDENTITY, error, self._endpoint))
            return self._nothing("nobody says who the server is"), Learned(), None
        except ConnectorError as error:
            self._rows.append(row_of_error(Interface.AXL, error, self._endpoint))
            return self._nothing("the server does not answer"), Learned(), None
        self._rows.append(row_of_identity(Interface.IDENTITY, identity, self._now, self._endpoint))
        if not identity.proven:
            return self._nothing("the server has not proved itself"), Learned(), None
        try:
            view = self._open_view(self._name, self._cluster)
        except SecretError as error:
            self._fail(Interface.AXL, str(error), "Put the password there, mode 0600", reachable=True)
            return self._nothing("there is no password"), Learned(), None
        except ConnectorError as error:
            self._rows.append(row_of_error(Interface.AXL, error, self._endpoint))
            return self._nothing("needs AXL"), Learned(), None
        learned = self._ask_axl(view, sample)
        if learned.version is None:
            self._rows.append(not_asked(Interface.RIS, "needs the same user and server as AXL", self._endpoint))
        else:
            learned = replace(learned, registrations=self._ask_ris(view, learned.phones or (NO_PHONE,)))
        return self._rows, learned, view

    def _nothing(self, why: str) -> list[Row]:
        """Return the rows so far, and one for each interface that has none and will not be asked."""
        done = {row.interface for row in self._rows}
        interfaces = (Interface.AXL, Interface.IDENTITY, Interface.SQL, Interface.RIS)
        return self._rows + [not_asked(one, why, self._endpoint) for one in interfaces if one not in done]

    def _fail(self, interface: Interface, message: str, advice: str, *, reachable: bool) -> None:
        self._rows.append(
            Row(
                interface=interface,
                status=Status.FAILED,
                message=message,
                endpoint=self._endpoint,
                reachable=reachable,
                advice=advice,
            )
        )

    def _ask_axl(self, view: ClusterView, sample: int) -> Learned:
        try:
            version = view.version()
        except ConnectorError as error:
            self._rows.append(row_of_error(Interface.AXL, error, self._endpoint))
            self._rows.append(not_asked(Interface.SQL, "needs AXL", self._endpoint))
            return Learned()
        problems: list[ConnectorError] = []

        def ask(question: Callable[[], _T]) -> _T | None:
            if problems and problems[-1].fault in _HOPELESS:
                return None
            try:
                return question()
            except ConnectorError as error:
                problems.append(error)
                return None

        learned = Learned(
            version,
            nodes=ask(view.nodes),
            services=ask(view.services),
            security=ask(view.security),
            phones=ask(lambda: view.some_phones(sample)),
        )
        self._rows.append(self._axl_row(version, learned, problems))
        certificates = self._ask_sql(view)
        return replace(learned, certificates=certificates)

    def _axl_row(self, version: AxlVersion, learned: Learned, problems: list[ConnectorError]) -> Row:
        axl = self._cluster.axl
        mode = "" if learned.security is None else f", cluster security mode {_mode(learned.security)}"
        row = Row(
            interface=Interface.AXL,
            status=Status.OK,
            message=f"CUCM {version.cluster}, AXL {version.schema}, user {axl.username}{mode}",
            endpoint=self._endpoint,
            reachable=True,
            credentials=True,
            rights=True,
            version=version.schema,
            limits=(f"{axl.writes_per_second:g} writes a second (settings)", f"{axl.page_size} rows a page (settings)"),
        )
        if not problems:
            return row
        first = problems[0]
        return replace(
            row,
            status=Status.FAILED,
            message=f"{row.message}; but {first.detail}",
            rights=False if any(problem.fault is ConnectorFault.RIGHTS for problem in problems) else None,
            fault=first.fault.value,
            advice=missing_roles(READER_ROLES) if first.fault is ConnectorFault.RIGHTS else first.advice,
        )

    def _ask_sql(self, view: ClusterView) -> Sequence[KnownCertificate] | None:
        try:
            columns = view.lsc_columns()
            certificates = tuple(view.certificates())
        except ConnectorError as error:
            self._rows.append(row_of_error(Interface.SQL, error, self._endpoint))
            return None
        missing = [column.value for column in LscColumn if column not in columns]
        row = Row(
            interface=Interface.SQL,
            status=Status.OK,
            message=f"columns {', '.join(sorted(columns))}; {len(certificates)} certificates in the database",
            endpoint=self._endpoint,
            reachable=True,
            credentials=True,
            rights=True,
        )
        if missing:
            row = replace(
                row,
                status=Status.WARNING,
                message=f"the database has no {', '.join(missing)} (CUCM 11.5 brought them)",
                advice="Ends of LSCs are known only from looking at phones: leave their web servers on, or update CUCM",
            )
        self._rows.append(row)
        return certificates

    def _ask_ris(self, view: ClusterView, names: Sequence[str]) -> Sequence[Registration] | None:
        calls = self._cluster.ris.calls_per_minute
        limits = (f"{calls} of the node's calls a minute (settings; a node takes 15 unless told otherwise)",)
        try:
            found = view.registrations(names)
        except ConnectorError as error:
            row = row_of_error(Interface.RIS, error, self._endpoint)
            if error.fault is ConnectorFault.THROTTLED:
                row = replace(row, status=Status.WARNING, credentials=True, rights=True)
            elif error.fault is ConnectorFault.RIGHTS:
                row = replace(row, advice=missing_roles(READER_ROLES))
            self._rows.append(replace(row, limits=limits))
            return None
        row = Row(
            interface=Interface.RIS,
            status=Status.OK,
            message=f"answers; {calls} calls a minute are used at most",
            endpoint=self._endpoint,
            reachable=True,
            credentials=True,
            rights=True,
            limits=limits,
        )
        if found.silent_nodes:
            row = replace(
                row,
                status=Status.WARNING,
                message=f"answers, but not for {', '.join(found.silent_nodes)}: who is registered there is not known",
                advice="Check Cisco RIS Data Collector on those nodes, and that they are up",
            )
        self._rows.append(row)
        return found.phones


def _mode(security: ClusterSecurity) -> str:
    return f"{security.text} (unknown)" if security.mode is None else security.mode.name.lower().replace("_", "-")
