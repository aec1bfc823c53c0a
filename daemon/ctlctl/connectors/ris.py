"""The RIS client: where devices are registered, asked for by name and no faster than a node allows."""

import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeAlias

from ctlctl.connectors.axl_enums import read_word
from ctlctl.connectors.axl_readers import flat, read_number
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.pacing import Clock, Pace, Sleep, waits
from ctlctl.connectors.ris_ports import (
    MAX_DEVICES_PER_CALL,
    Httpd,
    RegistrationStatus,
    ReturnCode,
    RisBatch,
    RisDevice,
    RisError,
    RisNode,
    RisSettings,
)
from ctlctl.connectors.soap import SoapClient, SoapServer
from ctlctl.connectors.soap_wsdl import describe
from ctlctl.connectors.soap_xml import SoapFaultError, child, local_name, read_answer, text

if TYPE_CHECKING:
    from lxml import etree

PATH: Final = "/realtimeservice2/services/RISService70"
_OPERATION: Final = "selectCmDeviceExt"
# Its answer has the name of the older operation's (RISService70.wsdl).
_ANSWERS_AS: Final = "selectCmDevice"

# Model 255 is any (RisPort70).
_ANY_MODEL: Final = 255
# Seconds to stand back when the node's rate is used up: it counts calls of the last minute.
_RATE_WAIT_SECONDS: Final = 30.0
# The misspelling is Cisco's; the code is ns1:Server.RateControl.
_RATE_USED_UP: Final = re.compile(r"ratecontrol|exceeded allowed rate", re.IGNORECASE)
# Characters of a device name (device.name in CUCM's database).
_MAX_NAME_CHARACTERS: Final = 129

# Nodes, devices and how many devices there are in all, if that is said.
_Answer: TypeAlias = tuple[tuple[RisNode, ...], tuple[RisDevice, ...], int | None]


class RisClient:
    """RIS of one cluster (`ris_ports.RegistrationReader`). Threads may share it: they take turns."""

    def __init__(self, settings: RisSettings, *, clock: Clock = time.monotonic, sleep: Sleep = time.sleep) -> None:
        """Ask nothing yet.

        Args:
            settings: Where and how.
            clock: Seconds that only grow, for the pace of calls.
            sleep: Waits that many seconds.

        Raises:
            RisError: Host or port cannot be.
        """
        self._settings = settings
        self._sleep = sleep
        self._place = Place(settings.cluster, settings.host, "RIS")
        per_second = settings.calls_per_minute / 60.0
        self._pace = Pace(per_second, per_second, clock=clock, sleep=sleep)
        server = SoapServer(
            place=self._place,
            host=settings.host,
            port=settings.port,
            path=PATH,
            username=settings.username,
            password=settings.password,
            tls=settings.tls,
            timeout_seconds=settings.timeout_seconds,
            max_answer_bytes=settings.max_answer_bytes,
            guard=settings.guard,
        )
        self._client = SoapClient(server, describe("ris.xsd", action="{operation}"), RisError)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._client.close()

    def devices(self, names: Iterable[str]) -> Iterator[RisBatch]:
        """Ask for devices by name, in calls of at most 1,000 names.

        Args:
            names: Device names without wildcards: this call of RIS takes none, but gives each device once.

        Yields:
            The answer to each call. A node that does not answer is no error: see `RisBatch.failed_nodes`.

        Raises:
            RisError: A call brought no usable answer, or a name cannot be one.
        """
        rest = iter(names)
        while chunk := tuple(islice(rest, MAX_DEVICES_PER_CALL)):
            for name in chunk:
                if not name or len(name) > _MAX_NAME_CHARACTERS or not name.isprintable() or "*" in name:
                    self._fail(ConnectorFault.INVALID, f"{name!r} is no name of a device")
            yield self._batch(chunk)

    def _fail(self, fault: ConnectorFault, detail: str) -> NoReturn:
        raise RisError(fault, detail, place=self._place) from None

    def _batch(self, names: tuple[str, ...]) -> RisBatch:
        waits_left = waits(self._settings.max_wait_seconds, _RATE_WAIT_SECONDS)
        waited = 0.0
        while True:
            self._pace.wait()
            try:
                nodes, devices, total = self._ask(names)
            except RisError as error:
                if error.fault is not ConnectorFault.THROTTLED:
                    raise
                wait = next(waits_left, None)
                if wait is None:
                    self._fail(ConnectorFault.THROTTLED, f"{error.detail}, also after {waited:g} seconds of waiting")
                self._sleep(wait)
                waited += wait
                continue
            if any(node.return_code is ReturnCode.INVALID_REQUEST for node in nodes):
                self._fail(ConnectorFault.REFUSED, "a node calls the request invalid")
            is_cut = total is not None and total > len(devices) >= MAX_DEVICES_PER_CALL
            return RisBatch(names, devices, nodes, is_cut)

    def _ask(self, names: tuple[str, ...]) -> _Answer:
        try:
            return self._client.call(_OPERATION, selection(names), _read)
        except SoapFaultError as error:
            fault = error.fault
            is_rate = _RATE_USED_UP.search(f"{fault.code} {fault.text}")
            kind = ConnectorFault.THROTTLED if is_rate else ConnectorFault.REFUSED
            self._fail(kind, f"{_OPERATION} is refused: {fault.words} ({fault.code})")


def selection(names: Iterable[str]) -> dict[str, object]:
    """Make the arguments of selectCmDeviceExt; every element has to be there."""
    return {
        "StateInfo": "",
        "CmSelectionCriteria": {
            "MaxReturnedDevices": MAX_DEVICES_PER_CALL,
            "DeviceClass": "Any",
            "Model": _ANY_MODEL,
            "Status": "Any",
            "NodeName": "",
            "SelectBy": "Name",
            "SelectItems": {"item": [{"Item": name} for name in names]},
            "Protocol": "Any",
            "DownloadStatus": "Any",
        },
    }


def _read(content: bytes) -> _Answer:
    answer = read_answer(content, _ANSWERS_AS)
    result = child(answer, "selectCmDeviceReturn", "SelectCmDeviceResult")
    found = None if result is None else child(result, "CmNodes")
    nodes, devices = [], []
    for element in () if found is None else found:
        if local_name(element) != "item":
            continue
        name = text(element, "Name") or ""
        nodes.append(RisNode(name, read_word(ReturnCode, text(element, "ReturnCode"))))
        listed = child(element, "CmDevices")
        devices += [_device(one, name) for one in (() if listed is None else listed) if local_name(one) == "item"]
    total = None if result is None else read_number(text(result, "TotalDevicesFound"))
    return tuple(nodes), tuple(devices), total


def _device(element: "etree._Element", node: str) -> RisDevice:
    have = flat(element)
    addresses = child(element, "IPAddress")
    each = [flat(one) for one in (() if addresses is None else addresses) if local_name(one) == "item"]
    each.sort(key=lambda one: one.get("IPAddrType") != "ipv4")
    return RisDevice(
        name=have.get("Name", ""),
        node=node,
        status=read_word(RegistrationStatus, have.get("Status")),
        status_reason=read_number(have.get("StatusReason")),
        changed_at=read_number(have.get("TimeStamp")),
        httpd=read_word(Httpd, have.get("Httpd")),
        protocol=have.get("Protocol", ""),
        model=read_number(have.get("Model")),
        product=read_number(have.get("Product")),
        active_load=have.get("ActiveLoadID", ""),
        download_status=have.get("DownloadStatus", ""),
        login_user=have.get("LoginUserId", ""),
        description=have.get("Description", ""),
        addresses=tuple(one["IP"] for one in each if one.get("IP")),
    )
