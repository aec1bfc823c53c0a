"""Reading a cluster's configuration over AXL."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from ctlctl.connectors import axl_readers as readers
from ctlctl.connectors import axl_sql
from ctlctl.connectors.axl_enums import ChangeKind
from ctlctl.connectors.axl_parameters import ParameterMap, resolve_labels
from ctlctl.connectors.axl_phones import NO_LSC, Lsc, PhoneMaker, read_lsc
from ctlctl.connectors.axl_ports import AxlError
from ctlctl.connectors.axl_requests import (
    CAPF_ITEM,
    Arguments,
    RequestError,
    checked_name,
    kinds_argument,
    uuid_argument,
    wanted_group,
    wanted_tags,
    wanted_tvs_certificate,
)
from ctlctl.connectors.axl_session import NOT_FOUND_CODE, AxlSession
from ctlctl.connectors.axl_values import (
    CLUSTER_WIDE_NODE,
    ENTERPRISE_SERVICE,
    AxlVersion,
    CallManager,
    CallManagerGroup,
    CapfProfile,
    CapfUserKind,
    ChangeBatch,
    ChangeCursor,
    Changes,
    ClusterSecurity,
    DevicePool,
    Gateway,
    KnownCertificate,
    LscColumn,
    NodeService,
    Parameter,
    Phone,
    ProcessNode,
    ResyncNeeded,
    SecurityMode,
    SecurityProfile,
    SipTrunk,
    Srst,
    TvsCertificate,
)
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.soap_xml import child, read_answer, read_items, text

if TYPE_CHECKING:
    from lxml import etree

_T = TypeVar("_T")

_ANY: Final = "%"


class AxlReads:
    """The reading half of the client (`axl_ports.AxlReader`)."""

    def __init__(self, session: AxlSession, verified_names: Mapping[str, str]) -> None:
        self._session = session
        self._verified_names = verified_names
        # What was found out once; an upgrade of the cluster makes it worthless.
        self._columns: dict[AxlVersion, tuple[LscColumn, ...]] = {}
        self._parameter_maps: dict[AxlVersion, ParameterMap] = {}

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._session.close()

    def version(self) -> AxlVersion:
        """Agree on a version, the newest that both sides speak; asked once.

        Raises:
            AxlError: There is none, or AXL cannot be asked at all.
        """
        return self._session.version()

    # --- phones ----------------------------------------------------------------------------------------------

    def lsc_columns(self) -> frozenset[LscColumn]:
        """Find out which columns about LSCs the database has; asked once.

        What is not there is None in every phone, which means: not known.

        Raises:
            AxlError: It cannot be found out.
        """
        return frozenset(self._lsc_columns())

    def _lsc_columns(self) -> tuple[LscColumn, ...]:
        version = self.version()
        known = self._columns.get(version)
        if known is None:
            every = tuple(LscColumn)
            known = every if self._has_columns(every) else tuple(one for one in every if self._has_columns((one,)))
            self._columns = {version: known}
        return known

    def _has_columns(self, columns: tuple[LscColumn, ...]) -> bool:
        try:
            self._session.query(axl_sql.probe_columns(columns))
        except AxlError as error:
            if error.fault is not ConnectorFault.UNSUPPORTED:
                raise
            return False
        return True

    def phones(self, name_like: str = _ANY, *, security_profile: str | None = None) -> Iterator[Phone]:
        """Give phones, page by page.

        What is held besides a page: the security profiles, and three values for each phone whose LSC the database
        knows, about 12 MB for 40,000 phones.

        Args:
            name_like: Name, with SQL's wildcards % and _.
            security_profile: Only phones that use exactly this profile.

        Yields:
            Phones, in the cluster's order. One that is added or deleted meanwhile may be missed or be there twice.

        Raises:
            AxlError: A page could not be had.
        """
        criteria = {"name": self._checked(checked_name, "a search pattern", name_like)}
        if security_profile is not None:
            criteria["securityProfileName"] = self._checked(checked_name, "the name of a profile", security_profile)
        profiles = {one.name: one for one in self.security_profiles()}
        make = PhoneMaker(profiles, dict(self._lscs(name_like)))
        for phone in self._session.items("Phone", criteria, make):
            # The cluster reads wildcards in the name of the profile, too.
            if security_profile is None or phone.security_profile == security_profile:
                yield phone

    def _lscs(self, name_like: str) -> Iterator[tuple[str, Lsc]]:
        columns = self._lsc_columns()
        if not columns:
            return
        issuers: dict[str, str] = {}
        for row in self._session.rows(axl_sql.lsc_of_phones(columns, name_like)):
            until, issuer, issuer_until = lsc = read_lsc(row)
            if lsc != NO_LSC:
                # A cluster has few issuers: one text for all phones.
                shared = None if issuer is None else issuers.setdefault(issuer, issuer)
                yield readers.bare_pkid(row.get("pkid", "")), (until, shared, issuer_until)

    def phone_names(self, name_like: str = _ANY) -> Iterator[str]:
        """Give the names of phones, page by page, and ask for nothing else.

        Args:
            name_like: Name, with SQL's wildcards % and _.

        Yields:
            Names, in the cluster's order.

        Raises:
            AxlError: A page could not be had.
        """
        criteria = {"name": self._checked(checked_name, "a search pattern", name_like)}
        found = self._session.items("Phone", criteria, _name_of, wanted={"name": ""})
        yield from (name for name in found if name)

    def phone(self, name: str) -> Phone:
        """Read one phone.

        Raises:
            AxlError: Among others, with fault "no-such-item".
        """
        asked = self._by_name("the name of a phone", name, "Phone")
        phone = self._one("getPhone", asked, "phone", PhoneMaker({}, {}))
        if phone.security_profile:
            profile = self.security_profile(phone.security_profile)
            phone = replace(phone, security_mode=profile.security_mode, authentication_mode=profile.authentication_mode)
        columns = self._lsc_columns()
        # AXL and the database need not agree on the case of a name, so the key leads from one to the other.
        if columns and axl_sql.is_key(phone.pkid):
            for row in self._session.query(axl_sql.lsc_of_phone(columns, phone.pkid)):
                until, issuer, issuer_until = read_lsc(row)
                phone = replace(phone, lsc_valid_until=until, lsc_issuer=issuer, lsc_issuer_valid_until=issuer_until)
        return phone

    # --- profiles --------------------------------------------------------------------------------------------

    def security_profiles(self) -> Iterator[SecurityProfile]:
        """Give the phone security profiles; raises AxlError."""
        return self._session.items("PhoneSecurityProfile", {"name": _ANY}, readers.security_profile)

    def security_profile(self, name: str) -> SecurityProfile:
        """Read one phone security profile; raises AxlError."""
        asked = self._by_name("the name of a profile", name, "PhoneSecurityProfile")
        return self._one("getPhoneSecurityProfile", asked, "phoneSecurityProfile", readers.security_profile)

    def capf_profiles(self, kind: CapfUserKind) -> Iterator[CapfProfile]:
        """Give the CAPF profiles of one kind of user; raises AxlError."""
        return self._session.items(CAPF_ITEM[kind], {"instanceId": _ANY}, partial(readers.capf_profile, kind))

    def capf_profile(self, kind: CapfUserKind, pkid: str) -> CapfProfile:
        """Read one CAPF profile by its key: an instance id alone may stand for several users' profiles.

        Raises:
            AxlError: It could not be read.
        """
        item = CAPF_ITEM[kind]
        asked = self._by_key(pkid, wanted_tags(item, self.version().schema))
        return self._one(f"get{item}", asked, item[0].lower() + item[1:], partial(readers.capf_profile, kind))

    # --- the cluster -----------------------------------------------------------------------------------------

    def nodes(self) -> tuple[ProcessNode, ...]:
        """Return the nodes, without the pseudo node of cluster-wide parameters; raises AxlError."""
        found = self._session.items("ProcessNode", {"name": _ANY}, readers.process_node)
        return tuple(node for node in found if node.name != CLUSTER_WIDE_NODE)

    def services(self, node_like: str = _ANY) -> tuple[NodeService, ...]:
        """Return which service is activated where.

        Args:
            node_like: Name of the node, with SQL's wildcards.

        Raises:
            AxlError: They could not be read.
        """
        criteria = {"processNodeName": self._checked(checked_name, "a search pattern", node_like)}
        found = self._session.items("ProcessNodeService", criteria, readers.node_service)
        return tuple(one for one in found if one.node != CLUSTER_WIDE_NODE)

    def callmanagers(self) -> Iterator[CallManager]:
        """Give the CallManagers; raises AxlError."""
        return self._session.items("CallManager", {"name": _ANY}, readers.callmanager)

    def callmanager_groups(self) -> Iterator[CallManagerGroup]:
        """Give the CallManager groups, each read alone because no list has the members; raises AxlError."""
        for group in self._session.items("CallManagerGroup", {"name": _ANY}, readers.callmanager_group):
            asked: Arguments = {"name": group.name, "returnedTags": wanted_group()}
            yield self._one("getCallManagerGroup", asked, "callManagerGroup", readers.callmanager_group)

    def device_pools(self) -> Iterator[DevicePool]:
        """Give the device pools; raises AxlError."""
        return self._session.items("DevicePool", {"name": _ANY}, readers.device_pool)

    def srsts(self) -> Iterator[Srst]:
        """Give the SRST references; raises AxlError."""
        return self._session.items("Srst", {"name": _ANY}, readers.srst)

    def sip_trunks(self) -> Iterator[SipTrunk]:
        """Give the SIP trunks; raises AxlError."""
        return self._session.items("SipTrunk", {"name": _ANY}, readers.sip_trunk)

    def gateways(self) -> Iterator[Gateway]:
        """Give the gateways that CallManager controls (MGCP, SCCP); raises AxlError."""
        return self._session.items("Gateway", {"domainName": _ANY}, readers.gateway)

    # --- parameters ------------------------------------------------------------------------------------------

    def parameters(self, node_like: str = _ANY, service_like: str = _ANY) -> Iterator[Parameter]:
        """Give service and enterprise parameters under their internal names.

        Args:
            node_like: Name of the node, with SQL's wildcards; cluster-wide ones are of `CLUSTER_WIDE_NODE`.
            service_like: Name of the service, likewise; enterprise ones are of `ENTERPRISE_SERVICE`.

        Yields:
            Parameters.

        Raises:
            AxlError: They could not be read.
        """
        criteria = {
            "processNodeName": self._checked(checked_name, "a search pattern", node_like),
            "service": self._checked(checked_name, "a search pattern", service_like),
        }
        yield from self._session.items("ServiceParameter", criteria, readers.parameter)

    def parameter(self, node: str, service: str, name: str) -> Parameter:
        """Read one parameter by its internal name; raises AxlError."""
        asked: Arguments = {
            "processNodeName": self._checked(checked_name, "the name of a node", node),
            "name": self._checked(checked_name, "the name of a parameter", name),
            "service": self._checked(checked_name, "the name of a service", service),
            "returnedTags": wanted_tags("ServiceParameter", self.version().schema),
        }
        return self._one("getServiceParameter", asked, "serviceParameter", readers.parameter)

    def parameter_map(self) -> ParameterMap:
        """Find out which labels stand for which parameters of this cluster; asked once.

        Raises:
            AxlError: The parameters could not be read.
        """
        version = self.version()
        known = self._parameter_maps.get(version)
        if known is None:
            known = resolve_labels(self.parameters(), self._verified_names)
            self._parameter_maps = {version: known}
        return known

    def security(self) -> ClusterSecurity:
        """Return the cluster security mode; raises AxlError."""
        try:
            said = self.parameter(CLUSTER_WIDE_NODE, ENTERPRISE_SERVICE, "ClusterSecurityMode").value
        except AxlError as error:
            # No source says that AXL shows this parameter in every release; the database does.
            if error.fault is not ConnectorFault.NO_SUCH_ITEM:
                raise
            rows = self._session.query(axl_sql.CLUSTER_SECURITY)
            said = rows[0].get("paramvalue", "") if rows else ""
        known = {str(mode.value): mode for mode in SecurityMode}
        return ClusterSecurity(known.get(said.strip()), said)

    # --- certificates ----------------------------------------------------------------------------------------

    def certificates(self) -> Iterator[KnownCertificate]:
        """Give the certificates of all nodes and stores in the cluster's database; raises AxlError."""
        for row in self._session.rows(axl_sql.CERTIFICATES):
            yield readers.known_certificate(row)

    def tvs_certificates(self) -> Iterator[TvsCertificate]:
        """Give the certificates that TVS vouches for; raises AxlError."""
        return self._session.items("TvsCertificate", {"subjectName": _ANY}, readers.tvs_certificate)

    def tvs_certificate(self, pkid: str) -> TvsCertificate:
        """Read one of them with its roles and services; raises AxlError."""
        asked = self._by_key(pkid, wanted_tvs_certificate())
        return self._one("getTvsCertificate", asked, "tvsCertificate", readers.tvs_certificate)

    # --- changes ---------------------------------------------------------------------------------------------

    def changes(self, cursor: ChangeCursor | None = None, kinds: Iterable[ChangeKind] = ()) -> Changes:
        """Read what has changed.

        Args:
            cursor: Where the last batch ended; None to get a cursor to start from.
            kinds: Kinds of item; none means all.

        Returns:
            The changes, or that the queue of changes was lost and everything has to be read again. CUCM keeps
            100,000 changes, in memory; a restart of AXL starts a new queue.

        Raises:
            AxlError: They could not be read.
        """
        asked = kinds_argument(kinds)
        if cursor is not None:
            self._checked(checked_name, "the name of a queue", cursor.queue_id)
            asked["startChangeId"] = {"_value_1": cursor.next_id, "queueId": cursor.queue_id}
        try:
            answer = self._session.call("listChange", asked, partial(read_answer, operation="listChange"))
        except AxlError as error:
            if cursor is None or error.code != NOT_FOUND_CODE:
                raise
            return ResyncNeeded(f"the cluster no longer has the queue {cursor.queue_id}")
        queue_id = text(answer, "queueInfo", "queueId")
        next_id = readers.read_number(text(answer, "queueInfo", "nextStartChangeId"))
        first_id = readers.read_number(text(answer, "queueInfo", "firstChangeId"))
        if not queue_id or next_id is None:
            self._session.fail(ConnectorFault.PROTOCOL, "the answer to listChange does not say where to go on")
        if cursor is not None and queue_id != cursor.queue_id:
            return ResyncNeeded(f"the cluster started a new queue of changes, {queue_id}")
        if cursor is not None and first_id is not None and first_id > cursor.next_id:
            return ResyncNeeded(f"the changes {cursor.next_id} to {first_id - 1} are no longer kept")
        found = child(answer, "changes")
        changes = () if found is None else tuple(readers.change(one) for one in found if isinstance(one.tag, str))
        return ChangeBatch(changes, ChangeCursor(queue_id, next_id))

    # --- helpers ---------------------------------------------------------------------------------------------

    def _checked(self, check: Callable[..., _T], *values: object) -> _T:
        """Run a check of `axl_requests` before anything is sent; raises AxlError with fault "invalid"."""
        try:
            return check(*values)
        except RequestError as error:
            self._session.fail(ConnectorFault.INVALID, str(error))

    def _by_name(self, what: str, name: str, item: str) -> Arguments:
        checked = self._checked(checked_name, what, name)
        return {"name": checked, "returnedTags": wanted_tags(item, self.version().schema)}

    def _by_key(self, pkid: str, wanted: Arguments) -> Arguments:
        return {"uuid": self._checked(uuid_argument, pkid), "returnedTags": wanted}

    def _one(self, operation: str, asked: Arguments, element: str, convert: "Callable[[etree._Element], _T]") -> _T:
        read = partial(read_items, operation=operation, item=element, convert=convert)
        found = self._session.call(operation, asked, read)
        if not found:
            self._session.fail(ConnectorFault.NO_SUCH_ITEM, f"the answer to {operation} has no {element}")
        return found[0]


def _name_of(element: "etree._Element") -> str:
    return text(element, "name") or ""
