"""Control Center Services: how the services of one node are, and what starts, stops, activates and deactivates them.

Each node answers for itself alone. What a genuine node says to a name that it does not know, to another node's name
and to an order it cannot carry out is not public; faults and reasons of the lab's own begin with "lab:".
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from ctlctl_lab.model import SERVICE_TOMCAT, Node
from ctlctl_lab.nodestate import ServiceState, service_states
from ctlctl_lab.soap import soapxml
from ctlctl_lab.soap.access import Caller
from ctlctl_lab.soap.answers import Answer, page
from ctlctl_lab.soap.control_center_types import ENUMS, OPERATIONS
from ctlctl_lab.soap.ports import LabWorld
from ctlctl_lab.soap.ris_types import NAMESPACE
from ctlctl_lab.soap.soapxml import BadRequestError, Element, escape, tag

#: ReasonCode and words of a service that nobody activated, and of one that somebody stopped.
NOT_ACTIVATED: Final = (-1068, "Service Not Activated")
COMMANDED_OUT: Final = (-1069, "Commanded Out of Service")
#: What stands there where there is nothing to say: a blank.
_NO_REASON: Final = (-1, " ")
_NIL: Final = ' xsi:nil="true"'
_PRODUCT: Final = "CallManager"
_FEATURES, _NETWORK = "CM Services", "Platform Services"


class ControlCenter:
    """The service of every node of one cluster."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world
        self._cluster = world.cluster
        self._answers: Mapping[str, Callable[[Node, Element], str]] = {
            "soapGetStaticServiceList": self._static,
            "soapGetServiceStatus": self._status,
            "soapDoServiceDeployment": self._deploy,
            "soapDoControlServices": self._control,
            "getProductInformationList": self._product,
        }

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
            with self._cluster.lock:
                result = self._answers[request.name](self._cluster.nodes[node], request)
        except BadRequestError as error:
            fault = soapxml.fault("soapenv:Client", f"lab: {error}")
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, [fault])
        name = request.name
        inside = (
            f'<{name}Response xmlns="{NAMESPACE}" xmlns:xsi="{soapxml.XSI_NS}"><{name}Return>{result}</{name}Return>'
            f"</{name}Response>"
        )
        return Answer(HTTPStatus.OK, [f"{soapxml.ENVELOPE_START}{inside}{soapxml.ENVELOPE_END}".encode()])

    # What is asked.

    def _static(self, node: Node, request: Element) -> str:
        del request
        return f"<Services>{''.join(map(_specification, service_states(node)))}</Services>"

    def _status(self, node: Node, request: Element) -> str:
        return self._services(node, [each.text for each in request.walk("ServiceStatus")])

    def _product(self, node: Node, request: Element) -> str:
        del request
        cluster = self._cluster
        services = "".join(_specification(state, tag("ProductID", _PRODUCT)) for state in service_states(node))
        product = "".join(
            tag(name, text)
            for name, text in (
                ("ProductName", "Cisco Unified Communications Manager"),
                ("ProductVersion", cluster.version),
                ("ProductDescription", "Cisco Unified Communications Manager"),
                ("ProductID", _PRODUCT),
                ("ShortName", "CUCM"),
            )
        )
        return (
            f"{tag('ActiveServerVersion', cluster.version)}{tag('PrimaryNode', cluster.publisher.name)}"
            f"<SecondaryNode{_NIL}/><Products><item>{product}</item></Products><Services>{services}</Services>"
        )

    # What is ordered.

    def _control(self, node: Node, request: Element) -> str:
        kind, names = _order(node, request, "ControlServiceRequest", "ControlType")
        if SERVICE_TOMCAT in names:
            # It serves this very interface.
            return _said("1", f"lab: {SERVICE_TOMCAT} cannot be controlled through this interface")
        for name in names:
            if not node.activated(name):
                continue
            if kind == "Restart":
                self._world.restart_service(node.name, name)
            elif kind == "Stop":
                self._world.stop_service(node.name, name)
            else:
                self._world.start_service(node.name, name)
        return self._services(node, names)

    def _deploy(self, node: Node, request: Element) -> str:
        kind, names = _order(node, request, "DeploymentServiceRequest", "DeployType")
        deployable = {state.name for state in service_states(node) if state.feature}
        if strange := [name for name in names if name not in deployable]:
            return _said("1", f"lab: {', '.join(strange)} cannot be activated or deactivated")
        for name in names:
            if kind == "Deploy" and name not in node.services:
                node.services.add(name)
                node.stopped.add(name)
                self._world.start_service(node.name, name)
            elif kind == "UnDeploy" and name in node.services:
                self._world.stop_service(node.name, name)
                node.services.discard(name)
                node.stopped.discard(name)
        return self._services(node, names)

    def _services(self, node: Node, names: Iterable[str]) -> str:
        """Return a ServiceInformationResponse about services; an empty name is all of them."""
        wanted = {name.strip() for name in names}
        states = [state for state in service_states(node) if "" in wanted or state.name in wanted]
        now = self._cluster.clock.now() + self._world.faults.clock_offset
        return _said("0", " ", "".join(_information(state, now) for state in states))


def _operation(body: bytes) -> Element:
    request = soapxml.read_operation(body)
    if request.namespace != NAMESPACE or request.name not in OPERATIONS:
        raise BadRequestError(f"{request.name} is no operation that is simulated")
    return request


def _order(node: Node, request: Element, element: str, kind: str) -> tuple[str, list[str]]:
    """Return what is to be done to which services."""
    order = request.child(element)
    if order is None:
        raise BadRequestError(f"{element} is missing")
    named = order.value("NodeName") or ""
    if named.lower() not in {node.name.lower(), node.address}:
        raise BadRequestError(f"this node is {node.name}, not {named!r}: only its own services can be controlled")
    word = order.value(kind) or ""
    if word not in ENUMS[kind]:
        raise BadRequestError(f"{word!r} is no {kind}")
    names = [each.text.strip() for each in order.walk("ServiceList", "item") if each.text.strip()]
    if not names:
        raise BadRequestError("ServiceList names no service")
    return word, names


def _said(code: str, reason: str, items: str = "") -> str:
    return (
        f"<ReturnCode>{code}</ReturnCode><ReasonCode>-1</ReasonCode>{tag('ReasonString', reason)}"
        f"<ServiceInfoList>{items}</ServiceInfoList>"
    )


def _information(state: ServiceState, now: float) -> str:
    if state.since is not None:
        status, (code, reason) = "Started", _NO_REASON
        # asctime's form, in the node's local time, which is UTC here; days below ten are padded with a blank.
        begun = datetime.fromtimestamp(state.since, UTC)
        start = tag("StartTime", f"{begun:%a %b} {begun.day:>2} {begun:%H:%M:%S %Y}")
        up = max(0, int(now - state.since))
    else:
        status, (code, reason) = "Stopped", COMMANDED_OUT if state.activated else NOT_ACTIVATED
        start, up = f"<StartTime{_NIL}/>", -1
    return (
        f"<item>{tag('ServiceName', state.name)}<ServiceStatus>{status}</ServiceStatus><ReasonCode>{code}</ReasonCode>"
        f"<ReasonCodeString>{escape(reason)}</ReasonCodeString>{start}<UpTime>{up}</UpTime></item>"
    )


def _specification(state: ServiceState, product: str = "") -> str:
    return (
        f"<item>{tag('ServiceName', state.name)}<ServiceType>Service</ServiceType>"
        f"<Deployable>{'true' if state.feature else 'false'}</Deployable>"
        f"{tag('GroupName', _FEATURES if state.feature else _NETWORK)}{product}<DependentServices{_NIL}/></item>"
    )
