"""The Control Center client: how the services of one node are. It asks, and starts or stops nothing."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeVar

from ctlctl.connectors.axl_enums import read_word
from ctlctl.connectors.axl_readers import flat, read_bool, read_number
from ctlctl.connectors.control_center_ports import (
    MAX_SERVICES,
    ControlCenterError,
    ControlCenterSettings,
    ProductInformation,
    ServiceState,
    ServiceStatus,
)
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.pacing import Sleep, waits
from ctlctl.connectors.ports import printable
from ctlctl.connectors.soap import SoapClient, SoapServer
from ctlctl.connectors.soap_wsdl import describe
from ctlctl.connectors.soap_xml import AnswerError, SoapFaultError, child, local_name, read_answer, text

if TYPE_CHECKING:
    from lxml import etree

PATH: Final = "/controlcenterservice2/services/ControlCenterServices"
INTERFACE: Final = "Control Center"

_STATUS: Final = "soapGetServiceStatus"
_PRODUCT: Final = "getProductInformationList"
# Seconds to stand back when the node's rate is used up; others' clients wait as long.
_RATE_WAIT_SECONDS: Final = 10.0
_RATE_USED_UP: Final = re.compile(r"ratecontrol|exceeded allowed rate", re.IGNORECASE)
# Characters of a name or a reason; the longest name CUCM has is half of it.
_MAX_WORDS: Final = 120
# ReturnCode of an answer that is one.
_FINE: Final = frozenset({"", "0"})

_T = TypeVar("_T")


class ControlCenterClient:
    """Control Center of one node (`control_center_ports.ServiceReader`). Threads may share it: they take turns."""

    def __init__(self, settings: ControlCenterSettings, *, sleep: Sleep = time.sleep) -> None:
        """Ask nothing yet.

        Args:
            settings: Where and how.
            sleep: Waits that many seconds.

        Raises:
            ControlCenterError: Host or port cannot be.
        """
        self._settings = settings
        self._sleep = sleep
        self._place = Place(settings.cluster, settings.node, INTERFACE)
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
        )
        self._client = SoapClient(server, describe("control_center.xsd", action="{operation}"), ControlCenterError)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._client.close()

    def services(self, names: Iterable[str] = ()) -> tuple[ServiceStatus, ...]:
        """Ask how services are.

        Args:
            names: Their names as CUCM spells them; none for every service of the node.

        Returns:
            Those that the node tells of, in its order; one that it does not know is missing.

        Raises:
            ControlCenterError: There is no usable answer.
        """
        asked = list(names)
        for name in asked:
            if not name or len(name) > _MAX_WORDS or not name.isprintable():
                self._fail(ConnectorFault.INVALID, f"{name!r} is no name of a service")
        # One empty name is every service; the element has to be there.
        code, reason, found = self._call(_STATUS, {"ServiceStatus": asked or [""]}, _read_services)
        if not found and (code not in _FINE or not asked):
            said = f"return code {code}" if code else "no service at all"
            said = f"{said}: {reason}" if reason else said
            fault = ConnectorFault.PROTOCOL if code in _FINE else ConnectorFault.REFUSED
            self._fail(fault, f"the node does not tell of its services ({said})")
        return found

    def product(self) -> ProductInformation:
        """Ask for versions and the kinds of services.

        Raises:
            ControlCenterError: There is no usable answer.
        """
        return self._call(_PRODUCT, {"ServiceInfo": ""}, _read_product)

    def _fail(self, fault: ConnectorFault, detail: str) -> NoReturn:
        raise ControlCenterError(fault, detail, place=self._place) from None

    def _call(self, operation: str, arguments: Mapping[str, object], read: Callable[[bytes], _T]) -> _T:
        waits_left = waits(self._settings.max_wait_seconds, _RATE_WAIT_SECONDS)
        waited = 0.0
        while True:
            try:
                return self._client.call(operation, arguments, read)
            except SoapFaultError as error:
                fault = error.fault
                detail = f"{operation} is refused: {fault.words} ({fault.code})"
                if not _RATE_USED_UP.search(f"{fault.code} {fault.text}"):
                    self._fail(ConnectorFault.REFUSED, detail)
            except ControlCenterError as error:
                if error.fault is not ConnectorFault.THROTTLED:
                    raise
                detail = error.detail
            wait = next(waits_left, None)
            if wait is None:
                self._fail(ConnectorFault.THROTTLED, f"{detail}, also after {waited:g} seconds of waiting")
            self._sleep(wait)
            waited += wait


def _read_services(content: bytes) -> tuple[str, str, tuple[ServiceStatus, ...]]:
    """Read return code, reason and services."""
    answer = read_answer(content, _STATUS)
    result = child(answer, f"{_STATUS}Return")
    if result is None:
        raise AnswerError(f"the answer has no {_STATUS}Return")
    found = tuple(_service(item) for item in _items(result, "ServiceInfoList"))
    named = tuple(one for one in found if one.name)
    return _words(text(result, "ReturnCode")), _words(text(result, "ReasonString")), named


def _service(element: "etree._Element") -> ServiceStatus:
    have = flat(element)
    up = read_number(have.get("UpTime"))
    return ServiceStatus(
        name=_words(have.get("ServiceName")),
        state=read_word(ServiceState, _words(have.get("ServiceStatus")) or None),
        reason_code=read_number(have.get("ReasonCode")),
        reason=_words(have.get("ReasonCodeString")),
        start_time=_words(have.get("StartTime")),
        # -1 is how a service says that it does not run.
        up_seconds=None if up is None or up < 0 else up,
    )


def _read_product(content: bytes) -> ProductInformation:
    answer = read_answer(content, _PRODUCT)
    result = child(answer, f"{_PRODUCT}Return")
    if result is None:
        raise AnswerError(f"the answer has no {_PRODUCT}Return")
    each = [flat(item) for item in _items(result, "Services")]
    kinds = ((_words(have.get("ServiceName")), read_bool(have.get("Deployable"))) for have in each)
    return ProductInformation(
        version=_words(text(result, "ActiveServerVersion")),
        primary=_words(text(result, "PrimaryNode")),
        secondary=_words(text(result, "SecondaryNode")),
        deployable=tuple((name, can) for name, can in kinds if name and can is not None),
    )


def _items(result: "etree._Element", name: str) -> list["etree._Element"]:
    listed = child(result, name)
    items = [one for one in (() if listed is None else listed) if local_name(one) == "item"]
    if len(items) > MAX_SERVICES:
        raise AnswerError(f"the answer has {len(items)} services, more than {MAX_SERVICES}")
    return items


def _words(said: str | None) -> str:
    # An empty reason of CUCM is one blank.
    return printable((said or "").strip(), _MAX_WORDS)
