"""SOAP towards one node: zeep writes the requests, a transport of ours sends them and judges the answer first.

zeep alone makes "Unknown fault" of an error page with an HTML body and follows redirects, proxies and .netrc (seen with
zeep 4.3.3); here the HTTP status decides before anything is parsed.
"""

import base64
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.cookies import CookieError, SimpleCookie
from io import BytesIO
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import requests
from zeep import Client, Settings, Transport

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.logins import LoginGuard
from ctlctl.connectors.ports import FetchTarget, TargetError, TlsTrust, printable
from ctlctl.connectors.secret import Secret, redact
from ctlctl.connectors.soap_http import ExchangeError, HttpAnswer, HttpSession
from ctlctl.connectors.soap_wsdl import BINDING
from ctlctl.connectors.soap_xml import AnswerError, SoapFaultError, read_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

# The session cookie of CUCM's single sign-on: sent back, it stands for the login (AXL Developer Guide).
SESSION_COOKIE: Final = "JSESSIONIDSSO"
_COOKIE_VALUE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,512}")

# What a session that has ended is answered: CUCM says 404 (AXL Developer Guide); Tomcat may ask for a login, or point
# to the page of one. None of them has done anything.
_SESSION_ENDED: Final = frozenset({302, 303, 307, 401, 404})

# What the names of operations that change nothing start with; whatever else there is counts as a change.
_READS: Final = ("get", "list", "executeSQLQuery", "select", "soapGet")
# What CUCM answers to a schema version that it does not serve, as an HTML page with status 599 (seen on 15).
_VERSIONS_SERVED: Final = re.compile(r"Supported\s+axl\s+versions\s+are\s+([^<\r\n]+)", re.IGNORECASE)
# Bytes of an answer in which a page tells what it is.
_PAGE_START_BYTES: Final = 4096

_STATUS_MEANS: Final = {
    401: (ConnectorFault.CREDENTIALS, "the node refuses user {user}"),
    403: (ConnectorFault.RIGHTS, "the user {user} may not use this interface"),
    404: (ConnectorFault.NO_SERVICE, "the node has no {path}"),
    503: (ConnectorFault.THROTTLED, "the node is busy"),
}
_SERVER_TROUBLE: Final = (ConnectorFault.SERVER_ERROR, "the node is in trouble")
_NO_SOAP: Final = (ConnectorFault.PROTOCOL, "the node gives no SOAP answer")

_T = TypeVar("_T")


def is_write(operation: str) -> bool:
    """Tell whether an operation changes something; one the node may have seen is never sent again by itself."""
    return not operation.startswith(_READS)


def _is_page(content: bytes) -> bool:
    """Tell whether an answer is an HTML page, which may begin with comments."""
    start = content[:_PAGE_START_BYTES].lstrip()
    while start.startswith(b"<!--"):
        start = start.partition(b"-->")[2].lstrip()
    return start[:14].lower().startswith((b"<html", b"<!doctype html"))


@dataclass(frozen=True, slots=True)
class SoapServer:
    """One SOAP service of one node and how to get in.

    Attributes:
        place: What errors say about where they come from.
        host: Name or address.
        port: TCP port.
        path: Of the service, with its first slash.
        username: Who asks.
        password: Their password.
        tls: How the node proves itself.
        timeout_seconds: For one request and its whole answer, connecting included.
        max_answer_bytes: Size of one answer, after decompression.
        guard: Whatever is sent goes through it; None for a password that nobody minds.
    """

    place: Place
    host: str
    port: int
    path: str
    username: str
    password: Secret = field(repr=False)
    tls: TlsTrust
    timeout_seconds: float
    max_answer_bytes: int
    guard: LoginGuard | None = field(default=None, repr=False, compare=False)

    def target(self) -> FetchTarget:
        """Return host and port as the TLS client wants them; raises TargetError where they cannot be."""
        return FetchTarget("https", self.host, self.port, self.path.strip("/"))


class SoapTransport(Transport):
    """What zeep sends with: nothing but POST to the one server, and nothing is ever loaded."""

    def __init__(self, server: SoapServer, error: type[ConnectorError]) -> None:
        """Open nothing yet.

        Args:
            server: Where to.
            error: What to raise.

        Raises:
            ConnectorError: Host or port cannot be.
        """
        # zeep wants a requests session; none of its requests ever goes through it (see get and load).
        super().__init__(session=requests.Session())  # type: ignore[no-untyped-call]  # as zeep publishes it
        login = f"{server.username}:{server.password.reveal()}".encode()
        self._basic = Secret(base64.b64encode(login).decode())
        # Without its padding, which not everybody who repeats it repeats.
        self._hidden: tuple[Secret, ...] = (server.password, Secret(self._basic.reveal().rstrip("=")))
        self._server = server
        self._error = error
        self._cookie: str | None = None
        self._rejected = False
        try:
            target = server.target()
        except TargetError as problem:
            self.fail(ConnectorFault.INVALID, str(problem))
        self._http = HttpSession(target, server.tls, server.max_answer_bytes)

    def close(self) -> None:
        """Close the connection and forget the session."""
        self._http.close()
        self.session.close()
        self._cookie = None

    @contextmanager
    def hiding(self, secrets: tuple[Secret, ...]) -> Iterator[None]:
        """Keep more secrets out of errors, for the time of a call that sends them."""
        before = self._hidden
        self._hidden = (*before, *secrets)
        try:
            yield
        finally:
            self._hidden = before

    def fail(self, fault: ConnectorFault, detail: str, advice: str = "") -> NoReturn:
        """Raise the interface's error; secrets are taken out of the detail.

        Raises:
            ConnectorError: Always.
        """
        raise self._error(fault, self.clean(detail), place=self._server.place, advice=advice) from None

    def clean(self, words: str) -> str:
        """Take every secret out of words that may come from the server."""
        cookie = (Secret(self._cookie),) if self._cookie else ()
        return redact(words, (*self._hidden, *cookie))

    def get(self, address: str, params: object, headers: object) -> NoReturn:
        """Refuse: no GET is ever wanted."""
        del address, params, headers
        self.fail(ConnectorFault.INVALID, "nothing is ever fetched with GET")

    def load(self, url: str) -> NoReturn:
        """Refuse: our descriptions import nothing."""
        self.fail(ConnectorFault.INVALID, f"nothing is ever loaded from elsewhere ({url})")

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> HttpAnswer:
        """Send one request.

        Args:
            address: Not used: there is one server.
            message: The envelope.
            headers: Those of zeep: Content-Type and SOAPAction.

        Returns:
            An answer worth parsing: status 200, or 500 with a fault in it.

        Raises:
            ConnectorError: Anything else.
        """
        del address
        if self._rejected:
            self.fail(ConnectorFault.CREDENTIALS, "user name and password were refused before; nothing was sent")
        guard = self._server.guard
        return self._post(message, headers) if guard is None else guard(lambda: self._post(message, headers))

    def _post(self, message: bytes, headers: dict[str, str]) -> HttpAnswer:
        operation = headers.get("SOAPAction", "").strip('"').rpartition(" ")[2]
        with_cookie = self._cookie is not None
        answer = self._exchange(operation, message, headers)
        if with_cookie and answer.status in _SESSION_ENDED:
            # Log in once more.
            self._cookie = None
            answer = self._exchange(operation, message, headers)
        self._judge(operation, answer)
        self._keep_cookie(answer)
        return answer

    def fail_after(self, operation: str, fault: ConnectorFault, detail: str) -> NoReturn:
        """Raise the interface's error for an operation that the node has seen; a change may have been made.

        Raises:
            ConnectorError: Always.
        """
        if is_write(operation):
            fault = ConnectorFault.UNCERTAIN
            detail = f"{detail} after {operation} was sent, so it is not known whether the change was made"
        self.fail(fault, detail)

    def _exchange(self, operation: str, message: bytes, headers: dict[str, str]) -> HttpAnswer:
        server = self._server
        own = {"Accept": "text/xml", "Accept-Encoding": "identity", "User-Agent": "ctlctl", **headers}
        if self._cookie is not None:
            own["Cookie"] = f"{SESSION_COOKIE}={self._cookie}"
        else:
            own["Authorization"] = f"Basic {self._basic.reveal()}"
        repeatable = not is_write(operation)
        try:
            return self._http.post(server.path, own, message, seconds=server.timeout_seconds, repeatable=repeatable)
        except ExchangeError as error:
            if error.sent:
                self.fail_after(operation, error.fault, error.detail)
            self.fail(error.fault, error.detail)

    def _judge(self, operation: str, answer: HttpAnswer) -> None:
        status = answer.status
        if status == 200:
            if _is_page(answer.content):
                self.fail_after(operation, ConnectorFault.PROTOCOL, "an HTML page came instead of a SOAP answer")
        elif status == 500:
            if read_fault(answer.content) is None:
                detail = "the node is in trouble (HTTP status 500 without a SOAP fault)"
                self.fail_after(operation, ConnectorFault.SERVER_ERROR, detail)
        elif status == 599:
            self._refuse_version(answer)
        elif status // 100 == 3:
            # Secrets are taken out before words are cut, so that no part of one is left over.
            place = printable(self.clean(answer.headers.get("Location", "nowhere")))
            self.fail(ConnectorFault.REDIRECT, f"the node points to {place} (HTTP status {status})")
        else:
            self._rejected = status == 401
            by_class = _SERVER_TROUBLE if status // 100 == 5 else _NO_SOAP
            fault, words = _STATUS_MEANS.get(status, by_class)
            detail = f"{words.format(user=repr(self._server.username), path=self._server.path)} (HTTP status {status})"
            if status // 100 == 4 or status in _STATUS_MEANS:
                self.fail(fault, detail)
            # Whoever says so, the service behind it may have done its work.
            self.fail_after(operation, fault, detail)

    def _refuse_version(self, answer: HttpAnswer) -> NoReturn:
        start = self.clean(answer.content[: 2 * _PAGE_START_BYTES].decode("utf-8", "replace"))
        found = _VERSIONS_SERVED.search(start[:_PAGE_START_BYTES])
        served = f"; it serves {printable(found[1].strip())}" if found else ""
        self.fail(ConnectorFault.VERSION, f"the cluster does not serve this version of AXL (HTTP status 599){served}")

    def _keep_cookie(self, answer: HttpAnswer) -> None:
        for line in answer.headers.get_all("Set-Cookie", []):
            try:
                morsel = SimpleCookie(line).get(SESSION_COOKIE)
            except CookieError:
                continue
            # Nothing that could end a header line is ever sent back.
            if morsel is not None and _COOKIE_VALUE.fullmatch(morsel.value):
                self._cookie = morsel.value


class SoapClient:
    """Calls operations of one service. Threads may share it: they take turns."""

    def __init__(self, server: SoapServer, description: bytes, error: type[ConnectorError]) -> None:
        """Read our description of the service; the node is not asked anything yet.

        Args:
            server: Where to.
            description: From `soap_wsdl.describe`.
            error: What to raise.

        Raises:
            ConnectorError: Host or port cannot be.
        """
        self.transport = SoapTransport(server, error)
        self._address = f"https://{server.target().endpoint}{server.path}"
        # One request at a time: there is one connection, and CUCM asks for it where answers are large.
        self._turn = threading.RLock()
        self.describe(description)

    def describe(self, description: bytes) -> None:
        """Speak another version from now on, over the same connection and session."""
        settings = Settings(raw_response=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        client = Client(BytesIO(description), transport=self.transport, settings=settings)  # type: ignore[no-untyped-call]
        with self._turn:
            self._service = client.create_service(BINDING, self._address)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        with self._turn:
            self.transport.close()

    def call(
        self,
        operation: str,
        arguments: "Mapping[str, object]",
        read: Callable[[bytes], _T],
        secrets: tuple[Secret, ...] = (),
    ) -> _T:
        """Call one operation.

        Args:
            operation: Its name.
            arguments: As zeep takes them.
            read: Makes the result of the answer, with the functions of `soap_xml`.
            secrets: Those among the arguments, to be kept out of errors.

        Returns:
            What `read` made.

        Raises:
            SoapFaultError: The node answered with a fault; no secret is in it.
            ConnectorError: There is no usable answer.
        """
        with self._turn, self.transport.hiding(secrets):
            answer: HttpAnswer = self._service[operation](**arguments)
            try:
                return read(answer.content)
            except SoapFaultError as error:
                fault, clean = error.fault, self.transport.clean
                shown = replace(fault, code=clean(fault.code), text=clean(fault.text), axl_text=clean(fault.axl_text))
                raise SoapFaultError(shown) from None
            except AnswerError as error:
                self.transport.fail_after(operation, ConnectorFault.PROTOCOL, str(error))
