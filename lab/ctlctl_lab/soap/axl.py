"""The AXL service: from the bytes of a request to the answer.

The versions served, and how AXL refuses others, are those of the reference: newest = the cluster's own, oldest = 11.0
(12.0 on 15); what is not served is answered HTTP 599 with an HTML page.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final, TypeAlias

from ctlctl_lab.soap import axl_changes, axl_writes, soapxml
from ctlctl_lab.soap.access import Caller
from ctlctl_lab.soap.answers import Answer, page
from ctlctl_lab.soap.axl_catalogue import KINDS
from ctlctl_lab.soap.axl_faults import AxlFault, bad_request, forbidden, not_found, out_of_memory
from ctlctl_lab.soap.axl_kinds import AnyKind, Field, uuid, write
from ctlctl_lab.soap.axl_limits import Memory, Share, WriteQueue, gather
from ctlctl_lab.soap.ports import LabWorld
from ctlctl_lab.soap.soapxml import BadRequestError, Element
from ctlctl_lab.soap.sql_service import query, update

#: Versions whose schemas agree in all that is served here; 14.0 and 15.0 are one.
SCHEMAS: Final = ((11, 0), (11, 5), (12, 0), (12, 5), (14, 0), (15, 0))
_NAMESPACE: Final = re.compile(r"http://www\.cisco\.com/AXL/API/(\d{1,2})\.(\d{1,2})")
_ACTION: Final = re.compile(r'"?CUCM:DB ver=(\d{1,2})\.(\d{1,2})(?: (\w+))?"?')

_LISTS: Final = {f"list{kind.name}": kind for kind in KINDS}
_GETS: Final = {f"get{kind.name}": kind for kind in KINDS}

#: Every operation that is simulated.
SERVED: Final = frozenset(
    {*_LISTS, *_GETS, *axl_writes.OPERATIONS, "getCCMVersion", "executeSQLQuery", "executeSQLUpdate", "listChange"}
)

#: Rows of an answer as XML, and how many.
Rows: TypeAlias = tuple[Iterator[str], int]


def supported(cluster_version: str) -> list[tuple[int, int]]:
    """Return the AXL versions that a cluster of some version serves, oldest first."""
    major, minor = (int(part) for part in cluster_version.split(".")[:2])
    oldest = 12 if major >= 15 else 11
    return [version for version in SCHEMAS if oldest <= version[0] and version <= (major, minor)]


class Axl:
    """The service of one cluster."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world
        self._cluster = world.cluster
        self._memory = Memory()
        self.writes = WriteQueue(world.cluster)

    def answer(self, caller: Caller, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request.

        Args:
            caller: who sent it.
            headers: its headers, names in lower case.
            body: the envelope.
        """
        if not caller.reads_axl:
            return page(HTTPStatus.FORBIDDEN, "Access to the requested resource has been denied")
        try:
            request = soapxml.read_operation(body)
        except BadRequestError as error:
            return _fault(bad_request(str(error)), "", (0, 0))
        version = self._version(request, headers.get("soapaction", ""))
        if isinstance(version, Answer):
            return version
        try:
            return self._operate(caller, request, version)
        except AxlFault as fault:
            return _fault(fault, request.name, version)

    def _version(self, request: Element, action: str) -> tuple[int, int] | Answer:
        served = supported(self._cluster.version)
        found = _NAMESPACE.fullmatch(request.namespace)
        if found is None:
            return _fault(bad_request(f"the namespace {request.namespace!r} is not AXL's"), request.name, (0, 0))
        version = int(found[1]), int(found[2])
        spoken = _ACTION.fullmatch(action.strip())
        if spoken is not None and (int(spoken[1]), int(spoken[2])) != version:
            return _wrong_version(served)
        if spoken is not None and spoken[3] not in {None, request.name}:
            return _fault(bad_request(f"SOAPAction says {spoken[3]}, the body {request.name}"), request.name, version)
        if version == (1, 0):
            return served[0]
        return version if version in served else _wrong_version(served)

    def _operate(self, caller: Caller, request: Element, version: tuple[int, int]) -> Answer:
        name = request.name
        changes = name in axl_writes.OPERATIONS or name == "executeSQLUpdate"
        if changes and not caller.writes_axl:
            raise forbidden()
        if self._strike("axl_memory_fault"):
            raise out_of_memory()
        if changes and (self._strike("axl_503_writes") or not self.writes.admit()):
            return page(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")
        if changes:
            text = self._update(request) if name == "executeSQLUpdate" else self._change(request)
            return self._send(request, version, [text.encode()], None)
        share = Share(self._memory)
        with self._cluster.lock:
            rows, count = self._read(request, version)
            pieces = gather(rows, count, self._world.faults.axl_row_limit if count > 1 else None, share)
        if name != "listChange":
            pieces = [b"<return>", *pieces, b"</return>"] if any(pieces) else [b"<return/>"]
        return self._send(request, version, pieces, share)

    def _strike(self, switch: str) -> bool:
        """Count a fault switch down; False where it is off."""
        faults = self._world.faults
        with self._cluster.lock:
            left: int = getattr(faults, switch)
            if left <= 0:
                return False
            setattr(faults, switch, left - 1)
            return True

    def _read(self, request: Element, version: tuple[int, int]) -> Rows:
        name = request.name
        if (kind := _LISTS.get(name)) is not None:
            return self._list(kind, request, version)
        if (kind := _GETS.get(name)) is not None:
            return self._get(kind, request, version)
        if name == "getCCMVersion":
            return self._ccm_version(request)
        if name == "executeSQLQuery":
            rows = list(query(self._cluster, request.value("sql") or ""))
            return iter(rows), len(rows)
        if name == "listChange":
            return axl_changes.answer(self._cluster, request), 1
        raise bad_request(f"{name} is no operation that is simulated")

    def _list(self, kind: AnyKind, request: Element, version: tuple[int, int]) -> Rows:
        criteria, tags = request.child("searchCriteria"), request.child("returnedTags")
        if criteria is None or tags is None:
            raise bad_request("a list needs searchCriteria and returnedTags")
        items = kind.items(self._cluster)
        for criterion in criteria.children:
            text = kind.criteria.get(criterion.name)
            if text is None:
                raise bad_request(f"{kind.name} cannot be searched for by {criterion.name}")
            if criterion.text != "%":
                fits = like(criterion.text)
                items = [item for item in items if fits(text(item))]
        skip, first = _number(request, "skip"), _number(request, "first")
        start = skip or 0
        items = items[start : None if first is None else start + first]
        fields = _chosen(kind, tags, version, every=False)
        return self._rows(kind, items, fields), len(items)

    def _get(self, kind: AnyKind, request: Element, version: tuple[int, int]) -> Rows:
        item = kind.find(self._cluster, request)
        if item is None:
            key = next(iter(kind.keys))
            raise not_found((request.value("uuid") or request.value(key) or "") if kind.shown else kind.name)
        fields = _chosen(kind, request.child("returnedTags"), version, every=True)
        return self._rows(kind, [item], fields), 1

    def _rows(
        self, kind: AnyKind, items: Sequence[object], fields: "list[tuple[Field[object], Element | None]]"
    ) -> Iterator[str]:
        cluster, tag = self._cluster, kind.tag
        for item in items:
            inside = "".join([write(field.name, field.get(cluster, item), wanted) for field, wanted in fields])
            yield f"<{tag}{uuid(kind.pkid(item))}>{inside}</{tag}>"

    def _ccm_version(self, request: Element) -> Rows:
        name = request.value("processNodeName")
        if name and name not in self._cluster.nodes:
            raise not_found(name)
        inside = f"<componentVersion>{soapxml.tag('version', self._cluster.version)}</componentVersion>"
        return iter([inside]), 1

    def _change(self, request: Element) -> str:
        return soapxml.tag("return", axl_writes.OPERATIONS[request.name](self._world, request))

    def _update(self, request: Element) -> str:
        count = update(self._world, request.value("sql") or "")
        return f"<return><rowsUpdated>{count}</rowsUpdated></return>"

    def _send(self, request: Element, version: tuple[int, int], pieces: Sequence[bytes], keep: object) -> Answer:
        name = f"ns:{request.name}Response"
        start = f'<{name} xmlns:ns="http://www.cisco.com/AXL/API/{version[0]}.{version[1]}"'
        if version >= (14, 0):
            # From 14 on the declaration stands here once, whether an element needs it or not.
            start += f' xmlns:xsi="{soapxml.XSI_NS}"'
        sequence = request.attributes.get("sequence", "")
        if sequence.isdecimal():
            start += f' sequence="{sequence}"'
        first = f"{soapxml.ENVELOPE_START}{start}>".encode()
        last = f"</{name}>{soapxml.ENVELOPE_END}".encode()
        return Answer(HTTPStatus.OK, [first, *pieces, last], keep=keep)


def _fault(fault: AxlFault, operation: str, version: tuple[int, int]) -> Answer:
    return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, [fault.xml(operation, version)])


def _wrong_version(served: Sequence[tuple[int, int]]) -> Answer:
    names = list(dict.fromkeys(f"{major}.x" if major < 14 else f"{major}.{minor}" for major, minor in served))
    text = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return page(599, f"Incorrect axl version. Supported axl versions are {text}")


def _number(request: Element, name: str) -> int | None:
    text = request.value(name)
    if text is None:
        return None
    if not text.strip().isdecimal():
        raise bad_request(f"{name} must be a number")
    return int(text)


def _chosen(
    kind: AnyKind, tags: Element | None, version: tuple[int, int], *, every: bool
) -> "list[tuple[Field[object], Element | None]]":
    """Return the elements to answer with, in schema order.

    Args:
        kind: of the items.
        tags: returnedTags, or None.
        version: AXL version that is spoken.
        every: whether no tags mean all of them, as in get*; else they mean none.
    """
    there = [field for field in kind.fields if version >= field.since and (every or field.listed)]
    if every and (tags is None or not tags.children):
        return [(field, None) for field in there]
    asked = {} if tags is None else {each.name: each for each in tags.children}
    if unknown := asked.keys() - {field.name for field in there}:
        raise bad_request(f"{kind.name} has no element {min(unknown)} to return in AXL {version[0]}.{version[1]}")
    return [(field, asked[field.name]) for field in there if field.name in asked]


def like(pattern: str) -> Callable[[str], bool]:
    """Return a test for SQL's LIKE: ``%`` stands for any characters, ``_`` for one."""
    expression = "".join(".*" if each == "%" else "." if each == "_" else re.escape(each) for each in pattern)
    compiled = re.compile(expression, re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None
