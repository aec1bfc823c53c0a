"""Fuzz target: the bytes of a question on ctld's socket, answered from a store and a snapshot as ctld has them."""

import atexit
import json
import shutil
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from threading import Event
from typing import Any

from structlog.testing import capture_logs

from ctlctl.fleet.answers import QUESTIONS, AnswerError, NoSuchError, answer
from ctlctl.fleet.documents import cluster_document, phone_documents
from ctlctl.fleet.files import SnapshotError, SnapshotFiles
from ctlctl.plan.document import seal
from ctlctl.service.history import audit_answer, list_history, phone_history
from ctlctl.service.hub import Hub
from ctlctl.service.rollouts import Rollouts
from ctlctl.service.server import ApiServer, Peer, QuestionError
from ctlctl.store.errors import StoreError
from ctlctl.store.store import Store
from support.mutate import ByteMutator
from support.plancases import lsc_phone, planned
from support.prometheus import good_report
from support.smallsnapshot import NOW, healthy, judged

NAME = "question"
INSTRUMENT = ("ctlctl.service.server", "ctlctl.fleet.answers", "ctlctl.fleet.files", "ctlctl.service.history")
#: Bytes; questions of the command line have some 200.
MAX_LENGTH = 1024

_ELSEWHERE = "what is in a file of somebody else"
_ASKED = (
    *sorted(QUESTIONS),
    *("audit-log", "trustlist-history", "phone-history", "plan-list", "plan-approve"),
    *("rollout-status", "rollout-evidence", "rollout-start", "rollout-pause", "nothing"),
)
_WORDS = (
    "cluster",
    "name",
    "node",
    "kind",
    "code",
    "severity",
    "offset",
    "limit",
    "within",
    "first",
    "newest",
    "since",
    "phone",
    "plan",
    "confirm",
)
_VALUES = (
    *(
        "hq",
        "",
        "SEP001122334455",
        "ctl",
        "*",
        "?",
        "[",
        "[!",
        "a,b",
        ",",
        "-1",
        "0",
        "9" * 19,
        "\u0661",
        "1e9",
        "%",
        "_",
    ),
    *(
        "../elsewhere",
        "\x00",
        "\ud800",
        "\udcff",
        "\u202e",
        "'",
        '"',
        "\\",
        "x" * 300,
        "*a" * 40,
        "stale-ctl",
        "critical",
    ),
)
_JUNK: tuple[Any, ...] = (None, 7, -0.0, [], {}, True, ["hq"], "x")
_KINDS = frozenset({"usage", "none", "denied", "undecided"})


def _number(value: str) -> None:
    raise ValueError(value)


@cache
def _server() -> ApiServer:
    """Return a server whose socket nobody connects to: what has connected is handed to it."""
    folder = Path(mkdtemp(prefix="question-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "elsewhere.json").write_text(json.dumps({"name": _ELSEWHERE, "lists": [], "sources": {}}))
    (folder / "elsewhere.phones.jsonl").write_text(json.dumps({"name": _ELSEWHERE}) + "\n")
    files = SnapshotFiles(folder / "snapshot")
    files.prepare(None)
    snapshot = healthy()
    files.write("hq", cluster_document(good_report("hq", NOW)), phone_documents(snapshot, judged(snapshot).phones))
    store = Store.open(folder / "ctld.db")
    atexit.register(store.close)
    store.audit(NOW, "uid 0 (root)", "started", "hq", {"words": "it began"})
    rollouts = Rollouts(store, Hub(), files, lambda: NOW, Event())

    def told(ask: str, words: Mapping[str, str], who: Peer) -> dict[str, Any]:
        # As the daemon does it.
        try:
            if rollouts.knows(ask):
                return rollouts.answer(ask, words, who, (), _no_worker)
            of_store = {"audit-log": audit_answer, "trustlist-history": list_history, "phone-history": phone_history}
            if ask in of_store:
                return of_store[ask](store, words, NOW)
            return answer(files, ask, words, NOW)
        except NoSuchError as error:
            raise QuestionError("none", str(error)) from None
        except AnswerError as error:
            raise QuestionError("usage", str(error)) from None
        except (SnapshotError, StoreError) as error:
            raise QuestionError("undecided", str(error)) from None

    return ApiServer(folder / "socket", "no-such-group", told)


def _no_worker(name: str) -> Any:  # noqa: ANN401 - it raises
    raise NoSuchError(f"the settings have no cluster {name!r}")


def seeds() -> list[bytes]:
    asked = [json.dumps({"ask": ask, "words": {"cluster": "hq"}}).encode() + b"\n" for ask in _ASKED]
    more = (
        {
            "ask": "phone-list",
            "words": {"cluster": "hq", "name": "SEP*,?", "limit": "1", "within": "30"},
        },
        {"ask": "phone-show", "words": {"cluster": "hq", "name": "\ud800"}},
        {"ask": "cluster-status", "words": {"cluster": "../elsewhere"}},
        {"ask": "trustlist-history", "words": {"cluster": "\udcff", "kind": "ctl"}},
        {"ask": "plan-approve", "words": {"plan": "\ud800"}},
        {"ask": "plan-approve", "words": {"plan": seal(planned("renew", lsc_phone("SEP1"))).data.decode()[:700]}},
        {"ask": "audit-log", "words": {"first": "1", "cluster": "x"}},
        {"ask": "audit-log", "words": {"newest": "1", "since": "7", "phone": "SEP*,_%"}},
    )
    odd = (b"", b"\n", b"[]\n", b'{"ask": 7}\n', b'{"ask": "status"}', b"[" * 999, b'{"ask": "status", "words": []}\n')
    return [*asked, *(json.dumps(one).encode() + b"\n" for one in more), *odd]


def one_input(data: bytes) -> None:
    """Ask; whatever is asked, there is one line of JSON, and it is no defect."""
    said = _asked(data)
    # Who asks the same again is told the same, though a refusal was noted in between.
    if b"audit-log" not in data:
        assert _asked(data) == said


def _asked(data: bytes) -> bytes:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs, capture_logs() as logs:
        for one in (ours, theirs):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        _server()._talk(theirs)
        theirs.close()
        heard = b""
        while piece := ours.recv(1 << 20):
            heard += piece
    assert not [log for log in logs if log["event"] in {"answer-broke", "talk-broke"}], logs
    if not heard:
        assert not data
        return heard
    assert heard.endswith(b"\n")
    assert heard.count(b"\n") == 1
    found = json.loads(heard, parse_constant=_number)
    assert _ELSEWHERE.encode() not in heard
    if "error" in found:
        assert found.keys() == {"error"}
        assert found["error"]["kind"] in _KINDS
        assert found["error"]["message"].isprintable()
        assert len(found["error"]["message"]) <= 10_000
    else:
        assert found.keys() == {"answer"}
        assert found["answer"]["schema"].startswith("ctlctl.")
    return heard


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Ask something else, or with other words; what is no question is left to ``turn``."""
    try:
        question = json.loads(data)
    except (ValueError, RecursionError):
        question = None
    if not isinstance(question, dict) or random.random() < 0.3:
        return turn(data, limit)
    if random.random() < 0.2:
        question["ask"] = random.choice((*_ASKED, *_JUNK))
    words = question.get("words")
    if not isinstance(words, dict) or random.random() < 0.05:
        words = {}
    value = random.choice(_VALUES) + random.choice(("", "", random.choice(_VALUES)))
    words[random.choice(_WORDS)] = value if random.random() < 0.95 else random.choice(_JUNK)
    question["words"] = words if random.random() < 0.98 else random.choice(_JUNK)
    return (json.dumps(question).encode() + b"\n")[:limit]
