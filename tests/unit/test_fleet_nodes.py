"""What is shown of nodes, services and phones' pages: from a snapshot to JSON, tables and CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ctlctl.fleet.answers import answer
from ctlctl.fleet.nodedocuments import node_documents, page_document, service_documents, stale_lsc_documents
from ctlctl.fleet.statustext import phone_lines
from ctlctl.fleet.tables import csv_text, table_lines
from ctlctl.inventory.nodevalues import (
    BackupFact,
    NodeState,
    NtpFact,
    PhonePage,
    ReplicationFact,
    ServiceFact,
    ShownList,
    StaleLsc,
    TvsAnswer,
)
from ctlctl.inventory.values import NodeFact, Snapshot
from ctlctl.inventory.words import Fault, Source

NOW = 1_795_392_000
API, CLI, CC = Source.CERTIFICATE_API, Source.PLATFORM_CLI, Source.CONTROL_CENTER
SAID = Snapshot(
    "hq",
    None,
    (),
    {},
    (
        NodeFact("Pub", "Publisher", "CUCM Voice/Video", frozenset({"Cisco Tftp"})),
        NodeFact("sub", "Subscriber", "CUCM Voice/Video", frozenset()),
    ),
    (),
    0,
    (),
    (),
    (),
    (),
    node_states=(
        NodeState(CC, "pub", NOW - 60, None, NOW - 600),
        NodeState(CLI, "sub", None, Fault("timeout", "sub: no answer", "Wait"), NOW - 600),
        NodeState(API, "third", NOW, None, NOW),
    ),
    services=(
        ServiceFact(CLI, "pub", "Cisco Tftp", "Started", None, None, NOW - 50),
        ServiceFact(CC, "pub", "Cisco Tftp", "Stopped", True, None, NOW - 300),
        ServiceFact(CC, "pub", "Cisco CallManager", "Started", True, NOW - 9000, NOW - 300),
        ServiceFact(CC, "pub", "Cisco Extended Functions", "Stopped", False, None, NOW - 300),
    ),
    replication=(
        ReplicationFact("pub", "sub", 2, "Setup Completed", 0, NOW),
        ReplicationFact("sub", "sub", 4, "Setup Failed", None, NOW),
        ReplicationFact("pub", "pub", 2, "Setup Completed", 0, NOW),
    ),
    ntp=(NtpFact("pub", True, 4, -0.4, NOW), NtpFact("sub", False, 16, None, NOW)),
    backups=(BackupFact("pub", NOW - 7200, "SUCCESS", NOW),),
    shown_lists=(ShownList("pub", "ctl", "ab", "cd", 4947, True, NOW),),
    stale_lscs=(StaleLsc("pub", "SEP001122334455 \x1b[31mold", NOW - 86_400 * 3),),
    tvs_answers=(TvsAnswer("pub", "aa", True, (0,), NOW), TvsAnswer("pub", "bb", False, (), NOW)),
)


class Files:
    """A fleet of one cluster."""

    def __init__(self, **document: Any) -> None:  # noqa: ANN401 - JSON
        self.document = {"name": "hq", "sources": {}, "lists": [], **document}

    def clusters(self) -> list[dict[str, Any]]:
        return [self.document]

    def cluster(self, name: str) -> dict[str, Any] | None:
        return self.document if name == "hq" else None

    def phones(self, name: str) -> Iterator[dict[str, Any]]:
        raise NotImplementedError

    def phone(self, name: str, device: str) -> dict[str, Any] | None:
        raise NotImplementedError


FLEET = Files(nodes=node_documents(SAID), services=service_documents(SAID), stale_lscs=stale_lsc_documents(SAID))


def test_a_node_is_one_whatever_the_spelling_and_the_worse_word_about_its_replication_counts() -> None:
    pub, sub, third = node_documents(SAID)
    assert isinstance(pub, dict)
    assert isinstance(sub, dict)
    assert isinstance(third, dict)
    assert (pub["name"], pub["services_down"], pub["services_known"]) == ("Pub", ["Cisco Tftp"], 3)
    assert (pub["replication"], sub["replication"], sub["replication_status"]) == (2, 4, "Setup Failed")
    assert (sub["clock_synchronised"], third["clock_synchronised"], third["usage"]) == (False, None, None)
    assert (pub["tvs_asked"], pub["tvs_unknown"], sub["tvs_asked"]) == (2, 1, 0)
    assert sub["sources"] == {
        "platform-cli": {
            "at": None,
            "since": NOW - 600,
            "fault": {"kind": "timeout", "detail": "sub: no answer", "advice": "Wait"},
        }
    }


def test_the_table_of_nodes_writes_unknown_out() -> None:
    rows = answer(FLEET, "node-list", {}, NOW)["rows"]
    head, pub, sub, third = table_lines("node-list", rows, NOW)
    for word in ("Cisco Tftp", "2 Setup Completed", "synchronised", "knows 1 of 2", "2 h ago"):
        assert word in pub
    for word in ("4 Setup Failed", "NOT SYNCHRONISED", "unknown", "platform-cli"):
        assert word in sub
    assert third.split()[2:6] == ["not", "told", "by", "AXL"]
    assert third.count("unknown") == 4
    assert head.startswith("CLUSTER")
    (kept,) = answer(FLEET, "node-list", {"usage": "subscriber"}, NOW)["rows"]
    assert kept["name"] == "sub"


def test_what_a_silent_node_said_last_is_shown_with_its_age() -> None:
    fault = Fault("unreachable", "no connection", "")
    silent = replace(SAID, node_states=tuple(NodeState(one, "pub", NOW - 7200, fault, NOW - 60) for one in (CC, CLI)))
    _, pub, *_ = table_lines(
        "node-list", answer(Files(nodes=node_documents(silent)), "node-list", {}, NOW)["rows"], NOW
    )
    assert "Cisco Tftp (2 h ago)" in pub
    assert "synchronised (2 h ago)" in pub
    one_left = replace(silent, node_states=(silent.node_states[0], NodeState(CLI, "pub", NOW, None, NOW)))
    _, pub, *_ = table_lines(
        "node-list", answer(Files(nodes=node_documents(one_left)), "node-list", {}, NOW)["rows"], NOW
    )
    assert "Cisco Tftp (" not in pub


@pytest.mark.parametrize("width", [30, 80, 100])
def test_a_table_keeps_to_the_width_of_the_terminal_and_loses_nothing(width: int) -> None:
    rows = answer(FLEET, "node-list", {}, NOW)["rows"]
    whole, folded = (list(table_lines("node-list", rows, NOW, wide)) for wide in (None, width))
    assert max(map(len, folded)) <= width < max(map(len, whole))
    assert " ".join(folded).split() == " ".join(whole).split()
    assert list(table_lines("node-list", rows, NOW, 1000)) == whole


def test_services_come_from_who_tells_most_and_filters_hold() -> None:
    rows = answer(FLEET, "service-list", {"status": "stopped"}, NOW)["rows"]
    assert [(row["name"], row["activated"], row["source"]) for row in rows] == [
        ("Cisco Extended Functions", False, "control-center"),
        ("Cisco Tftp", True, "control-center"),
    ]
    text = csv_text("service-list", answer(FLEET, "service-list", {}, NOW)["rows"])
    found = {row["service"]: row for row in csv.DictReader(io.StringIO(text))}
    assert found["Cisco CallManager"]["started"] == str(NOW - 9000)
    assert found["Cisco Tftp"]["started"] == ""


def test_words_of_a_publisher_cannot_colour_a_terminal() -> None:
    rows = answer(FLEET, "capf-stale-lsc", {}, NOW)["rows"]
    _, line = table_lines("capf-stale-lsc", rows, NOW)
    assert "\x1b" not in line
    assert "3 d ago" in line


def phone_text(page: PhonePage | None, lists: tuple[str, ...] = (), **more: object) -> str:
    phone: dict[str, Any] = {
        "name": "SEP001122334455",
        "description": "",
        "model": "Cisco 8841",
        "protocol": "SIP",
        "security_mode": "Encrypted",
        "security_profile": "p",
        "device_pool": "DP",
        "registration": None,
        "credential": "lsc",
        "credential_issuer": None,
        "credential_ends": None,
        "credential_source": None,
        "confirmed_by": None,
        "contradiction": None,
        "mic_ends": None,
        "probe": None,
        "not_taken": [],
        "capf_operation": None,
        "capf_status": None,
        "capf_finish_time": "",
        "capf_since": NOW,
        "authentication_mode": None,
        "page": None if page is None else page_document(page),
        **more,
    }
    served = [{"kind": kind, "first_seen": NOW - 9000} for kind in lists]
    lines = phone_lines({"at": NOW, "phone": phone, "sources": {}, "lists": served}, colour=False)
    return " ".join(" ".join(line.split()) for line in lines)


def test_a_phone_shows_what_its_own_pages_say() -> None:
    page = PhonePage(NOW - 180, None, "0123456789abcdef", "", "Encrypted", "FCH1", "sip88xx")
    assert "CTL 0123456789ab… · ITL none · Encrypted · serial FCH1 (3 min ago)" in phone_text(page)
    assert "CTL not told · ITL not told · security mode not told" in phone_text(PhonePage(NOW))
    assert "its pages unreachable 2 min ago" in phone_text(PhonePage(NOW - 120, "unreachable"))
    assert "its pages never read" in phone_text(None)


def test_a_phone_shows_which_list_it_holds_and_how_far_behind_that_is() -> None:
    older = {"state": "older", "sha256": "ab", "nodes": ["pub", "sub1"], "first_seen": NOW - 86_400 * 90}
    older |= {"last_seen": NOW - 86_400 * 60, "behind": 2}
    both = ("ctl", "itl")
    text = phone_text(PhonePage(NOW), both, holds={"ctl": {"state": "newest"}, "itl": older}, not_taken=["itl"])
    assert (
        "trust lists CTL newest, by its page · ITL 2 versions behind, by its page: that of pub, sub1, first seen "
        "2026-08-25, last 2026-09-24" in text
    )
    last = phone_text(PhonePage(NOW), both, holds={"ctl": {"state": "none"}, "itl": {**older, "behind": 0}})
    assert "CTL none, by its page · ITL the last one, by its page: that of pub, sub1" in last
    strange = {"ctl": {"state": "foreign"}, "itl": {"state": "unknown"}}
    assert "CTL one that no node was ever seen to serve, by its page · ITL not taken: newer than its registration" in (
        phone_text(PhonePage(NOW), both, holds=strange, not_taken=["itl"])
    )
    # What no page proves, times only hint at.
    assert "CTL newest, as far as times tell" in phone_text(None, ("ctl",), holds=None)


def test_a_node_whose_tables_differ_is_not_shown_as_if_all_were_well() -> None:
    seen = [ReplicationFact(asked, "sub", 2, "Setup Completed", None, NOW) for asked in ("pub", "sub", "third")]
    rows: Any = node_documents(
        replace(SAID, replication=(seen[0], replace(seen[1], differs="Sync Errors: 3"), seen[2]))
    )
    sub = next(row for row in rows if row["name"] == "sub")
    assert (sub["replication"], sub["replication_differs"]) == (2, "Sync Errors: 3")
    (line,) = (line for line in table_lines("node-list", [{"cluster": "hq", **sub}], NOW) if "Setup" in line)
    assert "2 Setup Completed, TABLES DIFFER" in line
