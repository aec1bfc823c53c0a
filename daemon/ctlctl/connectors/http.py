"""Fetching a file from the HTTP side of a TFTP node: ports 6970 (plain), 6971 and 6972 (TLS).

The standard library's `http.client` reads the protocol, on a socket of ours: so there is no proxy, no
environment, no .netrc, no redirect, and one deadline and one byte cap hold from the first packet to the last.
"""

import http
import http.client
import socket
from contextlib import ExitStack
from typing import Final, cast
from urllib.parse import quote

from ctlctl.connectors.http_body import BadAnswerError, TooLargeError, read_body
from ctlctl.connectors.http_wire import Wire
from ctlctl.connectors.network import Deadline, reason_of, resolve
from ctlctl.connectors.ports import (
    FetchError,
    FetchFault,
    FetchLimits,
    FetchTarget,
    TlsTrust,
    printable,
)

# Bytes that may come over the wire besides the body itself: http.client allows 100 header lines of 64 KiB,
# far more than any server sends, and repeats that for every "100 Continue".
_WIRE_EXTRA_BYTES: Final = 256 * 1024
# A body in chunks may take this many times its size on the wire: framing costs 6 bytes or so a chunk, so only
# chunks of a few bytes, which no server makes of a file, go beyond it.
_WIRE_FACTOR: Final = 2


_CUT_ADVICE: Final = "Try again; if it stays, check the firewall and the Cisco Tftp service of that node"


def fetch_http(target: FetchTarget, limits: FetchLimits, trust: TlsTrust) -> bytes:
    """Get the whole file.

    Args:
        target: The file; its scheme is http or https.
        limits: Bytes and seconds.
        trust: How the server proves itself over https.

    Returns:
        The body of a 200 answer, decompressed if the server insisted on compressing it.

    Raises:
        FetchError: The file could not be had whole.
    """
    deadline = Deadline(limits.deadline_seconds)
    stage = "while connecting"
    try:
        with ExitStack() as stack:
            secure = None
            if target.scheme == "https":
                from ctlctl.connectors import tls_client  # noqa: PLC0415  # plain HTTP need not load it

                secure = tls_client.SecureClient(target, trust, deadline)
            sock = _connect(target, deadline)
            stack.callback(sock.close)
            if secure is not None:
                stage = "during the TLS handshake"
                sock = secure.handshake(sock)
                stack.callback(sock.close)
            stage = "before an answer came"
            response = _ask(sock, target, limits, deadline)
            stack.callback(response.close)
            _check_status(response, target)
            stage = "in the middle of the file"
            return read_body(response, limits.max_bytes)
    except TimeoutError:
        seconds = f"{limits.deadline_seconds:g}"
        raise _fault(target, FetchFault.TIMEOUT, f"the time allowed ({seconds} seconds) ran out {stage}") from None
    except TooLargeError as error:
        raise _fault(target, FetchFault.TOO_LARGE, str(error)) from None
    except BadAnswerError as error:
        raise _fault(target, FetchFault.PROTOCOL, str(error)) from None
    except http.client.IncompleteRead:
        raise _fault(target, FetchFault.PROTOCOL, "the answer ended early", _CUT_ADVICE) from None
    except OSError as error:
        detail = f"the connection broke {stage} ({reason_of(error)})"
        raise _fault(target, FetchFault.UNREACHABLE, detail, _CUT_ADVICE) from None
    except (http.client.HTTPException, ValueError) as error:
        # http.client's own checks; a few of them are bare int() calls.
        detail = f"the answer is not proper HTTP ({type(error).__name__}: {error})"
        raise _fault(target, FetchFault.PROTOCOL, detail) from None


def _fault(target: FetchTarget, fault: FetchFault, detail: str, advice: str = "") -> FetchError:
    return FetchError(fault, endpoint=target.endpoint, name=target.name, detail=detail, advice=advice)


def _connect(target: FetchTarget, deadline: Deadline) -> socket.socket:
    addresses = resolve(target, socket.SOCK_STREAM)
    reasons = []
    for index, address in enumerate(addresses):
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            # An equal share for each address that is left, so a dead one does not use up the time of the next.
            sock.settimeout(deadline.share(len(addresses) - index))
            sock.connect(address.sockaddr)
        except OSError as error:
            sock.close()
            reasons.append((address, error))
        else:
            return sock
    if all(isinstance(error, TimeoutError) for _, error in reasons):
        raise TimeoutError
    tried = ", ".join(f"{address.sockaddr[0]}: {reason_of(error)}" for address, error in reasons)
    raise _fault(target, FetchFault.UNREACHABLE, f"no connection ({tried})")


def _ask(sock: socket.socket, target: FetchTarget, limits: FetchLimits, deadline: Deadline) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(target.host, target.port)
    # http.client opens no connection of its own once it has this.
    wire = Wire(sock, deadline, _WIRE_FACTOR * limits.max_bytes + _WIRE_EXTRA_BYTES)
    connection.sock = cast("socket.socket", wire)
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "ctlctl"}
    connection.request("GET", "/" + quote(target.name), headers=headers)
    return connection.getresponse()


def _check_status(response: http.client.HTTPResponse, target: FetchTarget) -> None:
    status = response.status
    said = f"HTTP status {status}" + (f" ({printable(response.reason)})" if response.reason else "")
    if status == http.HTTPStatus.OK:
        return
    if status in {404, 410}:
        raise _fault(target, FetchFault.NOT_FOUND, f"the server has no such file: {said}")
    if status in {401, 403, 407}:
        raise _fault(target, FetchFault.DENIED, f"the server does not hand this file out: {said}")
    if status // 100 == 3:
        place = response.headers.get("Location")
        pointing = f" and points to {printable(place)}" if place else ""
        raise _fault(target, FetchFault.REDIRECT, f"the server redirects: {said}{pointing}")
    if status // 100 == 5:
        raise _fault(target, FetchFault.SERVER_ERROR, f"the server is in trouble: {said}")
    raise _fault(target, FetchFault.PROTOCOL, f"the server gives no file: {said}")
