"""RisPort70: which phones are registered, where, and since when.

Rules of the reference: at most 1,000 devices an answer; a rate per minute and node that all clients share, over which
the fault is ``ns1:Server.RateControl``; selectCmDevice takes ``*`` and may show one device under several nodes, the Ext
form takes plain names and shows each once; nothing about certificates.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from threading import Lock
from typing import Final

from ctlctl_lab.model import REGISTERED, UNREGISTERED, Cluster, Phone
from ctlctl_lab.soap import soapxml
from ctlctl_lab.soap.access import Caller
from ctlctl_lab.soap.answers import Answer, page
from ctlctl_lab.soap.ports import LabWorld
from ctlctl_lab.soap.ris_types import ENUMS, NAMESPACE, OPERATIONS, TYPES
from ctlctl_lab.soap.soapxml import BadRequestError, Element, escape, escape_attribute, tag

#: Devices of one answer (9.1 and later).
MAX_DEVICES: Final = 1000
#: RIS's number for any model.
_ANY_MODEL: Final = 255
#: StatusReason of a record that another node's newer one has overtaken: DeviceInitiatedReset.
_MOVED: Final = 8
_NIL: Final = ' xsi:nil="true"'
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_STATE: Final = re.compile(
    r'<Node Name="([^"]*)" SubsystemStartTime="\d+" StateId="(\d+)"'
    r' TotalItemsFound="(\d+)" TotalItemsReturned="(\d+)"/>'
)


class RisFault(Exception):  # noqa: N818 - SOAP calls it so
    """A fault, on its way to the client."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    def answer(self) -> Answer:
        """Return the answer."""
        declaration = f' xmlns:ns1="{NAMESPACE}"' if self.code.startswith("ns1:") else ""
        body = soapxml.fault(self.code, self.text, declarations=declaration)
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, [body])


@dataclass(frozen=True, slots=True)
class _Record:
    """What a node knows of a phone."""

    phone: Phone
    status: str
    reason: int
    time: int


@dataclass(frozen=True, slots=True)
class _State:
    """What an earlier answer said of a node."""

    time: int
    found: int
    returned: int


class Ris:
    """The service of one cluster."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world
        self._cluster = world.cluster
        self._lock = Lock()
        self._asked: dict[str, deque[float]] = {}
        self._started = int(world.cluster.clock.now())

    def answer(self, caller: Caller, node: str, body: bytes) -> Answer:
        """Answer a request.

        Args:
            caller: who sent it.
            node: name of the node that was asked.
            body: the envelope.
        """
        if not caller.reads_ris:
            return page(HTTPStatus.FORBIDDEN, "Access to the requested resource has been denied")
        try:
            request = _operation(body)
            self._count(node)
            return self._select(request)
        except BadRequestError as error:
            return RisFault("soapenv:Client", f"lab: {error}").answer()
        except RisFault as fault:
            return fault.answer()

    def _count(self, node: str) -> None:
        """Count a request to a node.

        Raises:
            RisFault: it was asked too often in the last minute.
        """
        allowed = self._world.faults.ris_per_minute
        now = self._cluster.clock.now()
        with self._lock:
            asked = self._asked.setdefault(node, deque())
            while asked and now - asked[0] >= 60:
                asked.popleft()
            if len(asked) >= allowed:
                text = (
                    "AxisFault: Exceeded allowed rate for Reatime information."
                    f" Current allowed rate for realtime information is {allowed} requests per minute."
                )
                raise RisFault("ns1:Server.RateControl", text)
            asked.append(now)

    def _select(self, request: Element) -> Answer:
        criteria = request.child("CmSelectionCriteria")
        if criteria is None:
            raise BadRequestError("CmSelectionCriteria is missing")
        wanted = _Wanted(criteria, ext=request.name == "selectCmDeviceExt")
        with self._cluster.lock:
            nodes, total, state = self._nodes(wanted, dict(_states(request)))
        result = (
            f'<selectCmDeviceResponse xmlns="{NAMESPACE}" xmlns:xsi="{soapxml.XSI_NS}"><selectCmDeviceReturn>'
            f"<SelectCmDeviceResult><TotalDevicesFound>{total}</TotalDevicesFound><CmNodes>"
        )
        end = (
            f"</CmNodes></SelectCmDeviceResult>{tag('StateInfo', state)}</selectCmDeviceReturn>"
            "</selectCmDeviceResponse>"
        )
        text = "".join((soapxml.ENVELOPE_START, result, *nodes, end, soapxml.ENVELOPE_END))
        return Answer(HTTPStatus.OK, [text.encode()])

    def _nodes(self, wanted: "_Wanted", states: Mapping[str, _State]) -> tuple[list[str], int, str]:
        """Return the CmNode items, the number of devices found, and the new StateInfo."""
        cluster = self._cluster
        by_node: dict[str, list[_Record]] = {}
        for node, record in self._records(wanted):
            by_node.setdefault(node, []).append(record)
        names = list(cluster.nodes) if wanted.node in {"", "Any"} else [wanted.node]
        left, total, items = wanted.limit, 0, []
        now = int(cluster.clock.now())
        notes: list[str] = []
        for name in names:
            server = cluster.nodes.get(name)
            if server is None or not server.up:
                items.append(_node("InvalidNodeName" if server is None else "NodeNotResponding", name, ()))
                continue
            records, state = by_node.get(name, []), states.get(name)
            done = 0
            if state is not None and state.returned < state.found:
                done = min(state.returned, len(records))
            elif state is not None:
                records = [record for record in records if record.time >= state.time]
                if not records:
                    items.append(_node("Ok", name, (), no_change=True))
                    notes.append(self._note(name, now, 0, 0))
                    continue
            shown = records[done : done + left]
            left -= len(shown)
            total += len(records)
            items.append(_node("Ok" if records else "NotFound", name, map(_device, shown)))
            notes.append(self._note(name, now, len(records), done + len(shown)))
        return items, total, f"<StateInfo>{''.join(notes)}</StateInfo>"

    def _note(self, name: str, now: int, found: int, returned: int) -> str:
        return (
            f'<Node Name="{escape_attribute(name)}" SubsystemStartTime="{self._started}" StateId="{now}"'
            f' TotalItemsFound="{found}" TotalItemsReturned="{returned}"/>'
        )

    def _records(self, wanted: "_Wanted") -> Iterator[tuple[str, _Record]]:
        """Give what each node knows of the phones that are wanted."""
        for phone in wanted.phones(self._cluster):
            # RIS knows only what has registered, or tried to, since the node started.
            if not phone.node:
                continue
            record = _Record(phone, phone.status, phone.status_reason, phone.status_time)
            if wanted.fits(record):
                yield phone.node, record
            if not wanted.ext and phone.status == REGISTERED:
                yield from self._elsewhere(phone, wanted)

    def _elsewhere(self, phone: Phone, wanted: "_Wanted") -> Iterator[tuple[str, _Record]]:
        """Give the older record of the node that a phone would rather be on; the Ext form leaves it out."""
        cluster = self._cluster
        first = cluster.callmanager_groups[cluster.device_pools[phone.device_pool].callmanager_group][0]
        older = _Record(phone, UNREGISTERED, _MOVED, max(0, phone.status_time - 1))
        if first != phone.node and wanted.fits(older):
            yield first, older


def _operation(body: bytes) -> Element:
    request = soapxml.read_operation(body)
    if request.namespace != NAMESPACE or request.name not in OPERATIONS:
        raise BadRequestError(f"{request.name} is no operation that is simulated")
    return request


def _states(request: Element) -> Iterator[tuple[str, _State]]:
    """Read what an earlier answer said: as a text, or as elements, as npm's cisco-risport sends it back unescaped."""
    sent = request.child("StateInfo")
    if sent is None:
        return
    for name, *numbers in _STATE.findall(sent.text):
        yield unescape(name), _State(*map(int, numbers))
    for node in sent.walk("StateInfo", "Node"):
        numbers = [node.attributes.get(name, "") for name in ("StateId", "TotalItemsFound", "TotalItemsReturned")]
        if all(_NUMBER.fullmatch(number) for number in numbers):
            yield node.attributes.get("Name", ""), _State(*map(int, numbers))


class _Wanted:
    """CmSelectionCriteria, read."""

    def __init__(self, criteria: Element, *, ext: bool) -> None:
        self.ext = ext
        self.node = criteria.value("NodeName") or ""
        asked = _number(criteria, "MaxReturnedDevices")
        self.limit = MAX_DEVICES if asked is None else min(asked, MAX_DEVICES)
        self._class = criteria.value("DeviceClass") or "Any"
        self._model = _number(criteria, "Model")
        self._status = criteria.value("Status") or "Any"
        self._protocol = _word(criteria, "Protocol", "ProtocolType") or "Any"
        self._download = _word(criteria, "DownloadStatus", "DeviceDownloadStatus") or "Any"
        self._by = _word(criteria, "SelectBy", "CmSelectBy") or "Name"
        # One item may be several names with commas between them.
        texts = (each.value("Item") or "" for each in criteria.walk("SelectItems", "item"))
        self._items = [part.strip() for text in texts for part in text.split(",") if part.strip()]

    def phones(self, cluster: Cluster) -> Iterable[Phone]:
        """Return the phones that are named, and are what is asked for."""
        if self._class not in {"Any", "Phone"} or self._download not in {"Any", "Unknown"}:
            return
        items = list(dict.fromkeys(self._items))
        if self._by == "Name" and items and not any("*" in each for each in items):
            found: Iterable[Phone] = (cluster.phones[name] for name in items if name in cluster.phones)
        else:
            found = self._search(cluster, items)
        for phone in found:
            if self._model not in {None, _ANY_MODEL, phone.kind.enum}:
                continue
            if self._protocol in {"Any", phone.protocol}:
                yield phone

    def _search(self, cluster: Cluster, items: list[str]) -> Iterator[Phone]:
        phones = cluster.phones.values()
        if not items or ("*" in items and not self.ext):
            yield from phones
            return
        exact = {each for each in items if self.ext or "*" not in each}
        patterns = [_wildcard(each) for each in items if each not in exact]
        text = _TEXTS[self._by]
        for phone in phones:
            value = text(phone)
            if value in exact or any(pattern.fullmatch(value) for pattern in patterns):
                yield phone

    def fits(self, record: _Record) -> bool:
        """Tell whether a record has the status that is asked for."""
        return self._status in {"Any", record.status}


_TEXTS: Final[Mapping[str, Callable[[Phone], str]]] = {
    "Name": lambda phone: phone.name,
    "IPV4Address": lambda phone: phone.address,
    "IPV6Address": lambda _: "",
    "DirNumber": lambda phone: phone.extension,
    "Description": lambda phone: phone.description,
}


def _wildcard(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def _number(criteria: Element, name: str) -> int | None:
    text = (criteria.value(name) or "").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise BadRequestError(f"{name} must be a number")
    return int(text)


def _word(criteria: Element, name: str, enum: str) -> str:
    word = criteria.value(name) or ""
    if word and word not in ENUMS[enum]:
        raise BadRequestError(f"{word!r} is no {name}")
    return word


def _node(code: str, name: str, devices: Iterable[str], *, no_change: bool = False) -> str:
    inside = "".join(devices)
    unchanged = "true" if no_change else "false"
    return (
        f"<item><ReturnCode>{code}</ReturnCode>{tag('Name', name)}<NoChange>{unchanged}</NoChange>"
        f"{f'<CmDevices>{inside}</CmDevices>' if inside else f'<CmDevices{_NIL}/>'}</item>"
    )


_LINES: Final = {REGISTERED: REGISTERED, UNREGISTERED: UNREGISTERED, "Rejected": "Rejected"}


def _device(record: _Record) -> str:
    """Return a CmDevice: every element of the type, nil where there is nothing to say."""
    phone = record.phone
    number, line = phone.extension, _LINES.get(record.status, "Unknown")
    said = {
        "Name": phone.name,
        "DirNumber": f"{number}-{line}",
        "DeviceClass": "Phone",
        "Model": str(phone.kind.enum),
        "Product": str(phone.kind.enum),
        "BoxProduct": "0",
        "Httpd": "Yes" if phone.httpd else "No",
        "RegistrationAttempts": "0",
        "IsCtiControllable": "true",
        "Status": record.status,
        "StatusReason": str(record.reason),
        "PerfMonObject": "2",
        "DChannel": "0",
        "Description": phone.description,
        "TimeStamp": str(record.time),
        "Protocol": phone.protocol,
        "NumOfLines": "1",
        "ActiveLoadID": phone.load,
        "DownloadStatus": "Unknown",
    }
    parts = {
        "LinesStatus": f"<item><DirectoryNumber>{number}</DirectoryNumber><Status>{line}</Status></item>",
        "IPAddress": (
            f"<item><IP>{phone.address}</IP><IPAddrType>ipv4</IPAddrType>"
            "<Attribute>AdministrativeAndSignaling</Attribute></item>"
        ),
    }
    return f"<item>{''.join([_part(name, said.get(name), parts.get(name)) for name in _DEVICE])}</item>"


def _part(name: str, text: str | None, inside: str | None) -> str:
    if inside is not None:
        return f"<{name}>{inside}</{name}>"
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}{_NIL}/>"


_DEVICE: Final = tuple(words.split()[0] for words in TYPES["CmDevice"])
