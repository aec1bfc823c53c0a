"""What is served over HTTP: metrics, and whether the daemon lives and is ready. Nothing here asks a cluster."""

import socket
from collections.abc import Callable
from ipaddress import ip_address
from threading import Thread
from typing import Final

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ctlctl_config.daemon import HttpSettings

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
#: Requests at the same time; a scrape takes milliseconds.
_MAX_CONNECTIONS: Final = 100
_STOP_SECONDS: Final = 3

#: Returns (whether all is well, in words).
Health = Callable[[], tuple[bool, str]]


class WebError(Exception):
    """The address cannot be listened on; the text says why and what to do."""


class _HostCheck:
    """Answers only by names that are expected: a page elsewhere must not reach this by a name of its own."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _host_of(scope) not in self._hosts:
            await PlainTextResponse("this host name is not served here\n", 421, _HEADERS)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _host_of(scope: Scope) -> str:
    given = [value for name, value in scope["headers"] if name == b"host"]
    if len(given) != 1:
        return ""
    text = str(given[0], "latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def make_web_app(settings: HttpSettings, registry: CollectorRegistry, healthy: Health, ready: Health) -> ASGIApp:
    """Return the application.

    Args:
        settings: by which names it is asked.
        registry: what metrics show.
        healthy: whether the daemon works.
        ready: whether every cluster has been looked at once.
    """

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={**_HEADERS, "Content-Type": content_type})

    def health(check: Health) -> Callable[[Request], Response]:
        def answer(_: Request) -> Response:
            good, words = check()
            return PlainTextResponse(words + "\n", 200 if good else 503, _HEADERS)

        return answer

    routes = [
        Route("/metrics", metrics),
        Route("/healthz", health(healthy)),
        Route("/readyz", health(ready)),
    ]
    names = {*_LOCAL_NAMES, settings.address, *(name.lower() for name in settings.hosts)}
    return _HostCheck(Starlette(routes=routes), frozenset(names))


class WebServer:
    """Serves an application in a thread of its own."""

    def __init__(self, settings: HttpSettings, app: ASGIApp) -> None:
        self._settings = settings
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=True,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_SECONDS,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._sock: socket.socket | None = None
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before the start."""
        return 0 if self._sock is None else int(self._sock.getsockname()[1])

    def start(self) -> None:
        """Listen.

        Raises:
            WebError: the address cannot be had.
        """
        address, port = self._settings.address, self._settings.port
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            sock.listen(_MAX_CONNECTIONS)
        except OSError as error:
            sock.close()
            words = f"[http] listen = {self._settings.listen!r} cannot be had: {error.strerror}; set another"
            raise WebError(words) from None
        self._sock = sock
        self._thread = Thread(target=self._server.run, args=([sock],), name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and wait for the thread."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        if self._sock is not None:
            self._sock.close()
