"""Answers of the wrong size, in the wrong form, or none at all: the client names the trouble and holds its limits."""

import gzip
import zlib

import pytest

from ctlctl.connectors.axl_ports import AxlError
from ctlctl.connectors.errors import ConnectorFault
from support.soap import NODES, Reply, answer, axl_client, envelope, routes, soap_server, trouble, write

# Bytes that an answer may have in a test of limits.
LIMIT = 20_000

pytestmark = pytest.mark.timeout(40)


def chunked(body: bytes, size: int = 4096) -> Reply:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return Reply(framed, headers=(("Transfer-Encoding", "chunked"),))


def zipped(body: bytes) -> Reply:
    return Reply(gzip.compress(body), headers=(("Content-Encoding", "gzip"),))


@pytest.mark.parametrize("reply", [chunked(NODES.body, 7), zipped(NODES.body)], ids=["chunks", "gzip"])
def test_other_forms_of_the_same_answer(reply: Reply) -> None:
    with soap_server(routes(listProcessNode=reply)) as server, axl_client(server) as client:
        assert [node.name for node in client.nodes()] == ["pub"]


HUGE = envelope("x" * (LIMIT + 1))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(HUGE),
        chunked(HUGE),
        chunked(b"y" * 1_000_000, 1),
        zipped(HUGE),
        zipped(bytes(50_000_000)),
        Reply(headers=(("Content-Length", "9" * 40),)),
    ],
    ids=["plain", "chunks", "tiny-chunks", "gzip", "gzip-bomb", "announced"],
)
def test_an_answer_over_the_limit(reply: Reply) -> None:
    error = trouble(reply, max_answer_bytes=LIMIT)
    assert error.fault is ConnectorFault.TOO_LARGE
    assert "page_size" in error.advice
    assert trouble(reply, write, max_answer_bytes=LIMIT).fault is ConnectorFault.UNCERTAIN


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(NODES.body, headers=(("Content-Length", f"{len(NODES.body) + 5}"),)), "half an answer|broke|ended"),
        (Reply(NODES.body, headers=(("Content-Length", "12x"),)), "Content-Length"),
        (Reply(NODES.body, headers=(("Content-Length", "12"), ("Content-Length", "13"))), "Content-Length"),
        (Reply(NODES.body, headers=(("Content-Encoding", "br"),)), "never asked for"),
        (Reply(b"no gzip", headers=(("Content-Encoding", "gzip"),)), "damaged"),
        (Reply(gzip.compress(NODES.body)[:-9], headers=(("Content-Encoding", "gzip"),)), "ended early"),
        (Reply(zlib.compress(NODES.body), headers=(("Content-Encoding", "gzip"),)), "damaged"),
        (Reply(b"zz\r\n", headers=(("Transfer-Encoding", "chunked"),)), "answer"),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.9\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 two hundred\r\n\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n"), "half|broke|ended|empty|no XML"),
        (Reply(b""), "no XML"),
        (Reply(b"{}"), "no XML"),
        (Reply(envelope("")), "empty envelope"),
        (Reply(b"<a/>"), "no SOAP envelope"),
        (answer("listPhone"), "something else"),
    ],
)
def test_an_answer_that_is_none(reply: Reply, words: str) -> None:
    with pytest.raises(AxlError, match=words):
        raise trouble(reply, timeout_seconds=5.0)
    assert trouble(reply, timeout_seconds=5.0).fault in {ConnectorFault.PROTOCOL, ConnectorFault.UNREACHABLE}
    assert trouble(reply, write, timeout_seconds=5.0).fault is ConnectorFault.UNCERTAIN
