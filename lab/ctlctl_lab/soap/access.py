"""Who may do what on port 8443: Basic authentication, roles, and the session cookie.

CUCM's rules, from the AXL Developer Guide: the answer to a request with a password sets the cookie JSESSIONIDSSO; a
request that sends it back needs no password; after 30 idle minutes such a request is answered 404.
"""

import hmac
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from threading import Lock

from ctlctl_lab.model import Account, Cluster
from ctlctl_lab.soap.answers import Answer, page

COOKIE = "JSESSIONIDSSO"
#: Idle lab seconds after which a session is over.
IDLE_SECONDS = 30 * 60
#: Sessions kept; the one idle longest goes first.
MAX_SESSIONS = 1000

ROLE_AXL = "Standard AXL API Access"
#: Reading alone needs both.
ROLES_AXL_READ = frozenset({"Standard AXL API Users", "Standard AXL Read Only API Access"})
ROLE_RIS = "Standard RealtimeAndTraceCollection"


@dataclass(slots=True)
class _Session:
    user: str
    used: float


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        user: name of the account.
        account: the account.
        cookie: value of a cookie to set, or None for one that it has already.
    """

    user: str
    account: Account
    cookie: str | None

    @property
    def reads_axl(self) -> bool:
        """Whether it may read through AXL."""
        return self.writes_axl or self.account.roles >= ROLES_AXL_READ

    @property
    def writes_axl(self) -> bool:
        """Whether it may change things through AXL."""
        return ROLE_AXL in self.account.roles

    @property
    def reads_ris(self) -> bool:
        """Whether it may ask RIS."""
        return ROLE_RIS in self.account.roles


class Access:
    """Checks callers and keeps their sessions."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = Lock()
        self._sessions: dict[str, _Session] = {}

    def check(self, headers: Mapping[str, str]) -> Caller | Answer:
        """Find out who sent a request.

        Args:
            headers: of the request, names in lower case.

        Returns:
            The caller, or the answer that turns it away.
        """
        now = self._cluster.clock.now()
        cookie = _cookie(headers.get("cookie", ""))
        authorization = headers.get("authorization")
        if authorization is None and cookie is not None:
            user = self._use(cookie, now)
            account = None if user is None else self._cluster.accounts.get(user)
            if user is None or account is None:
                return page(HTTPStatus.NOT_FOUND, "Not Found")
            return Caller(user, account, None)
        user = self._password(authorization or "")
        if user is None:
            realm = ("www-authenticate", 'Basic realm="Cisco Web Services Realm"')
            return page(HTTPStatus.UNAUTHORIZED, "Unauthorized", realm)
        known = cookie is not None and self._use(cookie, now) == user
        return Caller(user, self._cluster.accounts[user], None if known else self._begin(user, now))

    def _password(self, authorization: str) -> str | None:
        scheme, _, encoded = authorization.strip().partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return None
        account = self._cluster.accounts.get(user)
        expected = "" if account is None else account.password
        same = hmac.compare_digest(expected.encode(), password.encode())
        return user if same and account is not None else None

    def _use(self, cookie: str, now: float) -> str | None:
        with self._lock:
            session = self._sessions.pop(cookie, None)
            if session is None or now - session.used > IDLE_SECONDS:
                return None
            session.used = now
            # Last in the dictionary is the one used last.
            self._sessions[cookie] = session
            return session.user

    def _begin(self, user: str, now: float) -> str:
        cookie = secrets.token_hex(16).upper()
        with self._lock:
            while len(self._sessions) >= MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[cookie] = _Session(user, now)
        return cookie

    def forget(self) -> None:
        """Drop all sessions, as a restart of Tomcat does."""
        with self._lock:
            self._sessions.clear()


def set_cookie(value: str) -> tuple[str, str]:
    """Return the header that sets the session cookie."""
    return "set-cookie", f"{COOKIE}={value}; Path=/; Secure; HttpOnly"


def _cookie(header: str) -> str | None:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value
