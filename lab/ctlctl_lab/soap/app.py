"""Everything that clients find on port 8443 of a node."""

import time
from collections.abc import Mapping
from http import HTTPStatus

from ctlctl_lab import certapi
from ctlctl_lab.model import App, AppAnswer
from ctlctl_lab.soap.access import Access, Caller, set_cookie
from ctlctl_lab.soap.answers import Answer, page, plain_page
from ctlctl_lab.soap.axl import Axl
from ctlctl_lab.soap.control_center import ControlCenter
from ctlctl_lab.soap.control_center_types import wsdl as control_center_wsdl
from ctlctl_lab.soap.ports import LabWorld
from ctlctl_lab.soap.ris import Ris
from ctlctl_lab.soap.ris_types import wsdl
from ctlctl_lab.soap.soapxml import MAX_REQUEST

AXL_PATH = "/axl/"
RIS_PATH = "/realtimeservice2/services/RISService70"
CONTROL_CENTER_PATH = "/controlcenterservice2/services/ControlCenterServices"
#: Header in which the server says which node was addressed.
NODE_HEADER = "x-lab-node"


class SoapApp:
    """The callable that the HTTPS server of every node mounts; see `ctlctl_lab.model.App`."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world
        self.access = Access(world.cluster)
        self.axl = Axl(world)
        self.ris = Ris(world)
        self.control_center = ControlCenter(world)
        self.certificates = certapi.CertificateApi(world)

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AppAnswer:
        """Answer a request, or do what a fault switch says instead."""
        faults = self._world.faults
        if faults.slow_seconds > 0:
            time.sleep(faults.slow_seconds)
        with self._world.cluster.lock:
            html, half = faults.html_next > 0, False
            if html:
                faults.html_next -= 1
            elif faults.truncate_next > 0:
                faults.truncate_next -= 1
                half = True
        if html:
            return page(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error").app()
        answer = self._route(method.upper(), path, headers, body)
        return answer.app(half=half)

    def _route(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        place, _, question = path.partition("?")
        if place == AXL_PATH.rstrip("/"):
            # Tomcat's redirect, which turns a POST of most clients into a GET: the slash is part of the address.
            return page(HTTPStatus.FOUND, "Found", ("location", AXL_PATH))
        if place.startswith(f"{certapi.BASE}/"):
            return self.certificates.answer(headers.get(NODE_HEADER, ""), method, path, headers)
        if place not in {AXL_PATH, RIS_PATH, CONTROL_CENTER_PATH}:
            return page(HTTPStatus.NOT_FOUND, "Not Found")
        if method not in {"GET", "HEAD", "POST"}:
            return page(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed", ("allow", "GET, HEAD, POST"))
        if len(body) > MAX_REQUEST:
            return page(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
        caller = self.access.check(headers)
        if isinstance(caller, Answer):
            return caller
        answer = self._serve(caller, place, method, (question, headers, body))
        if caller.cookie is not None:
            answer.headers.append(set_cookie(caller.cookie))
        return answer

    def _serve(self, caller: Caller, place: str, method: str, request: tuple[str, Mapping[str, str], bytes]) -> Answer:
        question, headers, body = request
        if place == AXL_PATH:
            if method == "POST":
                return self.axl.answer(caller, headers, body)
            return plain_page(
                "Cisco CallManager: AXL Web Service. The AXL Web Service is working and accepting requests."
            )
        service = self.ris if place == RIS_PATH else self.control_center
        if method == "POST":
            return service.answer(caller, headers.get(NODE_HEADER, ""), body)
        if question.lower() == "wsdl":
            address = f"https://{headers.get('host', 'localhost:8443')}{place}"
            return Answer(HTTPStatus.OK, [wsdl(address) if service is self.ris else control_center_wsdl(address)])
        return plain_page(place.rpartition("/")[2])


def make_app(world: LabWorld) -> App:
    """Return what answers requests to port 8443 of any node.

    Args:
        world: the cluster's world; it is read under its lock, and changed through its methods.
    """
    return SoapApp(world)
