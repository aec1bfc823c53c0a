"""The certificate API client (CUCM 14 and later): every store of one node in one call. It reads and writes nothing."""

import base64
from types import TracebackType
from typing import Final, NoReturn, Self

from ctlctl.connectors.certificate_api_json import ShapeError, read_message, read_snapshot
from ctlctl.connectors.certificate_api_ports import (
    CertificateApiError,
    CertificateApiSettings,
    CertificateSnapshot,
)
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.ports import FetchTarget, TargetError, printable
from ctlctl.connectors.secret import Secret, redact
from ctlctl.connectors.soap_http import ExchangeError, HttpAnswer, HttpSession

BASE: Final = "/platformcom/api/v1/certmgr/config"
SNAPSHOT: Final = f"{BASE}/snapshot/server"
INTERFACE: Final = "certificate API"

_ACCOUNT_ADVICE: Final = (
    "Check user name and password file of the platform account (OS Administration, not the AXL user); nothing is tried "
    "again until they change, because CUCM locks accounts"
)
_ABSENT_ADVICE: Final = (
    "CUCM has it from 14 on: set platform.certificate_api = false for an older cluster; on a newer one check that "
    "Platform Communication Web Service runs on that node"
)
_TOO_LARGE_ADVICE: Final = "No node lists that many certificates: check what serves this address"


class CertificateApiClient:
    """The certificate API of one node (`certificate_api_ports.CertificateReader`). Not for two threads at once."""

    def __init__(self, settings: CertificateApiSettings) -> None:
        """Ask nothing yet.

        Args:
            settings: Where and how.

        Raises:
            CertificateApiError: Host or port cannot be.
        """
        login = f"{settings.username}:{settings.password.reveal()}".encode()
        self._basic = Secret(base64.b64encode(login).decode())
        self._settings = settings
        self._place = Place(settings.cluster, settings.node, INTERFACE)
        self._rejected = False
        try:
            target = FetchTarget("https", settings.host, settings.port, SNAPSHOT.strip("/"))
        except TargetError as problem:
            self._fail(ConnectorFault.INVALID, str(problem))
        self._http = HttpSession(target, settings.tls, settings.max_answer_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._http.close()

    def snapshot(self) -> CertificateSnapshot:
        """Ask for every store of the node.

        Returns:
            What the node lists, and what of that could not be read.

        Raises:
            CertificateApiError: There is no usable answer; `UNSUPPORTED` where the node has no such API.
        """
        answer = self._get(SNAPSHOT)
        try:
            return read_snapshot(answer.content)
        except ShapeError as error:
            self._fail(ConnectorFault.PROTOCOL, str(error))

    def _fail(self, fault: ConnectorFault, detail: str, advice: str = "") -> NoReturn:
        raise CertificateApiError(fault, self._clean(detail), place=self._place, advice=advice) from None

    def _clean(self, words: str) -> str:
        """Take the password out of words; before they are cut, so that no part of it is left over."""
        # Without its padding, which not everybody who repeats it repeats.
        return redact(words, (self._settings.password, Secret(self._basic.reveal().rstrip("="))))

    def _get(self, path: str) -> HttpAnswer:
        user = repr(self._settings.username)
        if self._rejected:
            detail = f"user {user} was refused before; nothing was sent"
            self._fail(ConnectorFault.CREDENTIALS, detail, _ACCOUNT_ADVICE)
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "ctlctl",
            "Authorization": f"Basic {self._basic.reveal()}",
        }
        try:
            answer = self._http.get(path, headers, seconds=self._settings.timeout_seconds)
        except ExchangeError as error:
            too_large = error.fault is ConnectorFault.TOO_LARGE
            self._fail(error.fault, error.detail, _TOO_LARGE_ADVICE if too_large else "")
        if answer.status != 200:
            self._refuse(answer, path, user)
        return answer

    def _refuse(self, answer: HttpAnswer, path: str, user: str) -> NoReturn:
        status = answer.status
        message = printable(self._clean(read_message(answer.content)))
        said = f"HTTP status {status}" + (f": {message}" if message else "")
        match status:
            case 401:
                self._rejected = True
                detail = f"the node refuses the platform account {user} ({said})"
                self._fail(ConnectorFault.CREDENTIALS, detail, _ACCOUNT_ADVICE)
            case 403:
                detail = f"the platform account {user} may not read certificates ({said})"
                self._fail(ConnectorFault.RIGHTS, detail, "Check the level of the account: show account on that node")
            case 404:
                self._fail(ConnectorFault.UNSUPPORTED, f"the node has no {path} ({said})", _ABSENT_ADVICE)
            case 429 | 503:
                self._fail(ConnectorFault.THROTTLED, f"the node is busy, or its web services start ({said})")
            case _ if status // 100 == 3:
                place = printable(self._clean(answer.headers.get("Location", "nowhere")))
                self._fail(ConnectorFault.REDIRECT, f"the node points to {place} ({said})")
            case _ if status // 100 == 5:
                self._fail(ConnectorFault.SERVER_ERROR, f"the node is in trouble ({said})")
            case _ if status // 100 == 4:
                self._fail(ConnectorFault.REFUSED, f"the node refuses the question ({said})")
        self._fail(ConnectorFault.PROTOCOL, f"the node gives no usable answer ({said})")
