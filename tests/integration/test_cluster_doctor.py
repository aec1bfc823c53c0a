"""The doctor against real sockets: every trouble has its row, and the exit code follows."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ctlctl.cluster.doctor import examine
from ctlctl.cluster.doctor_text import render
from ctlctl.cluster.rows import EXIT_CODES, Interface, Report, Row, Status, Verdict
from ctlctl.cluster.view import ClusterView, Registration
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl_config import ClusterSettings, SecretError, make_cluster
from support.lists import CAPF, PUB, STRANGER, TVS
from support.servers import TcpExchange, http_server, make_identity, tcp_server
from support.smallcluster import LAB_TOMCAT, TOMCAT, FakeView, NodePlan, good_lists, node_running, pin_of
from support.tlsservers import everywhere, free_port, write_certificate

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
#: What is said of phones where there are none.
NO_PHONES = {"phones": "warning", "phone-pages": "absent"}


def fault(kind: ConnectorFault, words: str = "it is so") -> ConnectorError:
    return ConnectorError(kind, words, place=Place("hq", "127.0.0.1", "AXL"))


@dataclass
class Bench:
    """A cluster under examination: change node, view and table, then `run`."""

    folder: Path
    stack: ExitStack
    node: NodePlan = field(default_factory=NodePlan)
    view: FakeView = field(default_factory=FakeView)
    more_nodes: list[NodePlan] = field(default_factory=list)
    table: dict[str, Any] = field(default_factory=dict)
    axl: dict[str, Any] = field(default_factory=dict)
    change: Callable[[list[dict[str, Any]]], None] = lambda _tables: None
    opened: int = 0

    def cluster(self) -> ClusterSettings:
        tables: list[dict[str, Any]] = [
            self.stack.enter_context(node_running(node, self.folder)) for node in (self.node, *self.more_nodes)
        ]
        self.change(tables)
        axl = {
            "host": "127.0.0.1",
            "port": tables[0]["ports"]["tomcat"],
            "username": "reader",
            "password_file": "x",
            "tls_pin": pin_of(TOMCAT),
            "timeout_seconds": 60,
            **self.axl,
        }
        axl = {key: value for key, value in axl.items() if value is not None}
        phones = {"probe_timeout_seconds": 60, **self.table.pop("phones", {})}
        table = {"timezone": "UTC", "axl": axl, "nodes": tables, "phones": phones, **self.table}
        return make_cluster(self.folder / "ctld.toml", "hq", table)

    def open_view(self, name: str, cluster: ClusterSettings) -> ClusterView:
        assert (name, cluster.axl.username) == ("hq", "reader")
        self.opened += 1
        return self.view

    def run(self) -> Report:
        return examine("hq", self.cluster(), self.open_view, NOW)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def row(report: Report, interface: Interface, node: str | None = None) -> Row:
    (found,) = [one for one in report.rows if one.interface is interface and (node is None or one.node == node)]
    return found


def statuses(report: Report) -> dict[str, str]:
    return {one.interface.value: one.status.value for one in report.rows if one.status is not Status.OK}


class TestAllIsWell:
    def test_every_interface_has_its_row(self, bench: Bench) -> None:
        report = bench.run()
        assert statuses(report) == NO_PHONES
        # What needs a login on each node has tests of its own.
        elsewhere = {Interface.CTL, Interface.CONTROL_CENTER, Interface.CERTIFICATE_API, Interface.CLI}
        assert {one.interface for one in report.rows} == set(Interface) - elsewhere
        assert (report.verdict, EXIT_CODES[report.verdict]) == (Verdict.WORKS, 0)
        assert bench.view.closed

    def test_what_a_row_tells(self, bench: Bench) -> None:
        report = bench.run()
        axl = row(report, Interface.AXL)
        assert (axl.reachable, axl.credentials, axl.rights, axl.version) == (True, True, True, "14.0")
        assert "14.0.1.12900-161" in axl.message
        assert "mixed" in axl.message
        assert axl.limits
        identity = row(report, Interface.IDENTITY)
        assert (identity.identity, identity.sha256) == ("pinned", pin_of(TOMCAT))
        assert row(report, Interface.SIP).identity == "in-trust-list"
        assert row(report, Interface.SIP).version == "TLSv1.3"
        lists = row(report, Interface.TRUST_LISTS)
        assert "CTLFile.tlv signed by ITLRECOVERY_pub.example.com, whom the database knows" in lists.message
        assert f"{len(good_lists()['CTLFile.tlv']):,} B" in row(report, Interface.HTTP).message

    def test_phones_are_looked_at(self, bench: Bench, tmp_path: Path) -> None:
        port = bench.stack.enter_context(everywhere(make_identity(tmp_path / "phone").context))
        bench.table["phones"] = {"https_port": port}
        bench.view.phones = [
            Registration("SEP000000000001", registered=True, address="127.9.0.1", has_web=True),
            Registration("SEP000000000002", registered=True, address="127.9.0.2", has_web=False),
            Registration("SEP000000000003", registered=False, address="127.9.0.3", has_web=True),
        ]
        found = row(bench.run(), Interface.PHONES)
        assert found.status is Status.OK
        assert "1 of 1 show a certificate (TLSv1.3 1); 1 of 2 registered phones" in found.message

    def test_only_what_is_configured_is_asked(self, bench: Bench) -> None:
        def without(tables: list[dict[str, Any]]) -> None:
            tables[0]["ports"] |= {"sccp": 0, "capf": 0, "tftp": 0, "https": 0}

        bench.change = without
        asked = {one.interface for one in bench.run().rows}
        assert not asked & {Interface.SCCP, Interface.CAPF, Interface.TFTP, Interface.HTTPS}

    def test_json_and_text(self, bench: Bench) -> None:
        report = bench.run()
        loaded = json.loads(json.dumps(report.to_json()))
        assert (loaded["schema"], loaded["verdict"]) == ("ctlctl.cluster.doctor/1", "works")
        assert [one["interface"] for one in loaded["rows"]] == [one.interface.value for one in report.rows]
        assert {"status", "reachable", "identity", "credentials", "rights", "version", "limits", "without"} <= set(
            loaded["rows"][0]
        )
        text = "\n".join(render(report, colour=False))
        assert "AXL            ok     127.0.0.1:" in text
        assert "\npub\n  HTTP" in text
        assert text.endswith("hq: everything that is configured works")
        assert max(map(len, text.splitlines())) <= 80


class TestAxl:
    def test_nobody_there(self, bench: Bench) -> None:
        bench.axl["port"] = free_port()
        report = bench.run()
        axl = row(report, Interface.AXL)
        assert (axl.status, axl.reachable, axl.fault) == (Status.FAILED, False, "unreachable")
        assert axl.message == "no connection (Connection refused)"
        others = (Interface.IDENTITY, Interface.SQL, Interface.RIS)
        assert {row(report, one).status for one in others} == {Status.UNKNOWN}
        assert row(report, Interface.HTTP).status is Status.OK
        assert (report.verdict, bench.opened) == (Verdict.TROUBLE, 0)

    def test_another_certificate(self, bench: Bench) -> None:
        """Whoever it is, he gets no password."""
        bench.axl["tls_pin"] = pin_of(STRANGER)
        report = bench.run()
        identity = row(report, Interface.IDENTITY)
        assert (identity.status, identity.identity, identity.reachable) == (Status.FAILED, "mismatch", True)
        assert pin_of(TOMCAT) in identity.message
        assert bench.opened == 0
        assert report.verdict is Verdict.TROUBLE

    @pytest.mark.parametrize(
        ("kind", "credentials", "rights", "reachable"),
        [
            (ConnectorFault.CREDENTIALS, False, None, True),
            (ConnectorFault.RIGHTS, True, False, True),
            (ConnectorFault.NO_SERVICE, None, None, True),
            (ConnectorFault.TIMEOUT, None, None, False),
            (ConnectorFault.PROTOCOL, None, None, True),
        ],
    )
    def test_axl_refuses(
        self, bench: Bench, kind: ConnectorFault, credentials: bool | None, rights: bool | None, reachable: bool
    ) -> None:
        bench.view.errors["version"] = fault(kind)
        report = bench.run()
        axl = row(report, Interface.AXL)
        assert (axl.credentials, axl.rights, axl.reachable) == (credentials, rights, reachable)
        assert (axl.status, axl.fault) == (Status.FAILED, kind.value)
        assert row(report, Interface.RIS).status is Status.UNKNOWN
        # A password that was refused is not tried again: CUCM locks accounts.
        assert bench.view.asked == ["version"]
        assert bench.view.closed

    def test_rights_for_a_part_only(self, bench: Bench) -> None:
        bench.view.errors["services"] = fault(ConnectorFault.RIGHTS, "may not")
        axl = row(bench.run(), Interface.AXL)
        assert (axl.status, axl.rights, axl.credentials) == (Status.FAILED, False, True)
        assert "Standard AXL Read Only API Access" in (axl.advice or "")

    def test_an_axl_that_breaks_off(self, bench: Bench) -> None:
        bench.view.errors["services"] = fault(ConnectorFault.TIMEOUT)
        report = bench.run()
        assert row(report, Interface.AXL).status is Status.FAILED
        # Nothing more was asked than the next row needs.
        assert "some_phones" not in bench.view.asked

    def test_no_password(self, bench: Bench) -> None:
        def refuse(_name: str, _cluster: ClusterSettings) -> ClusterView:
            raise SecretError("x: others can get at it (mode 0644): chmod 600 x")

        report = examine("hq", bench.cluster(), refuse, NOW)
        axl = row(report, Interface.AXL)
        assert axl.status is Status.FAILED
        assert "chmod 600" in axl.message
        assert report.verdict is Verdict.TROUBLE

    def test_sql_is_refused(self, bench: Bench) -> None:
        bench.view.errors["lsc_columns"] = fault(ConnectorFault.REFUSED)
        report = bench.run()
        assert row(report, Interface.SQL).status is Status.FAILED
        assert row(report, Interface.RIS).status is Status.OK
        assert row(report, Interface.SQL).to_json()["without"] is not None

    def test_columns_are_missing(self, bench: Bench) -> None:
        bench.view.columns = frozenset()
        found = row(bench.run(), Interface.SQL)
        assert found.status is Status.WARNING
        assert "lscvaliduntil" in found.message

    def test_ris_is_throttled(self, bench: Bench) -> None:
        bench.view.errors["registrations"] = fault(ConnectorFault.THROTTLED, "15 requests per minute")
        report = bench.run()
        assert row(report, Interface.RIS).status is Status.WARNING
        assert row(report, Interface.PHONES).status is Status.UNKNOWN
        # Nothing has failed, but not everything is known: that is neither 0 nor 1.
        assert EXIT_CODES[report.verdict] == 3

    def test_a_node_that_ris_does_not_hear_of(self, bench: Bench) -> None:
        bench.view.silent_nodes = ("sub1",)
        found = row(bench.run(), Interface.RIS)
        assert found.status is Status.WARNING
        assert "not for sub1" in found.message

    def test_ris_is_refused(self, bench: Bench) -> None:
        bench.view.errors["registrations"] = fault(ConnectorFault.RIGHTS)
        found = row(bench.run(), Interface.RIS)
        assert "Standard RealtimeAndTraceCollection" in (found.advice or "")

    def test_nodes_that_do_not_agree(self, bench: Bench) -> None:
        bench.view.names = ("pub", "sub9")
        found = row(bench.run(), Interface.NODES)
        assert (found.status, found.message) == (Status.WARNING, "not in the settings: sub9")

    def test_a_node_that_the_cluster_has_not(self, bench: Bench) -> None:
        bench.view.names = ("other",)
        found = row(bench.run(), Interface.NODES)
        assert found.status is Status.FAILED
        assert "the cluster has no node pub; it has other" in found.message


class TestNodes:
    @pytest.mark.parametrize(
        ("port", "interface"),
        [
            ("http", Interface.HTTP),
            ("tftp", Interface.TFTP),
            ("https", Interface.HTTPS),
            ("https_fqdn", Interface.HTTPS_FQDN),
            ("sip", Interface.SIP),
            ("sccp", Interface.SCCP),
            ("tvs", Interface.TVS),
            ("capf", Interface.CAPF),
        ],
    )
    def test_a_port_that_is_closed(self, bench: Bench, port: str, interface: Interface) -> None:
        bench.node.closed = {port}
        report = bench.run()
        found = row(report, interface)
        assert (found.status, found.reachable, found.fault) == (Status.FAILED, False, "unreachable")
        assert statuses(report) == {interface.value: "failed", **NO_PHONES}
        assert report.verdict is Verdict.TROUBLE

    @pytest.mark.parametrize(("port", "service"), [("capf", "Cisco Certificate"), ("tvs", "Cisco Trust")])
    def test_a_service_that_is_not_activated_need_not_answer(self, bench: Bench, port: str, service: str) -> None:
        bench.node.closed = {port}
        bench.view.active = [one for one in bench.view.active if not one.startswith(service)]
        report = bench.run()
        found = row(report, Interface(port))
        assert found.status is Status.ABSENT
        assert "is not activated on this node" in found.message
        assert report.verdict is Verdict.WORKS

    def test_secure_calls_need_mixed_mode(self, bench: Bench) -> None:
        bench.node.closed = {"sccp"}
        bench.view.is_mixed = False
        del bench.node.files["CTLFile.tlv"]
        report = bench.run()
        assert row(report, Interface.SCCP).status is Status.ABSENT
        assert "CTLFile.tlv absent" in row(report, Interface.HTTP).message
        assert report.verdict is Verdict.WORKS

    def test_mixed_mode_without_a_ctl(self, bench: Bench) -> None:
        del bench.node.files["CTLFile.tlv"]
        found = row(bench.run(), Interface.TRUST_LISTS)
        assert found.status is Status.FAILED
        assert "there is no CTL" in found.message

    def test_no_itl(self, bench: Bench) -> None:
        del bench.node.files["ITLFile.tlv"]
        assert row(bench.run(), Interface.HTTP).status is Status.FAILED

    def test_a_damaged_list(self, bench: Bench) -> None:
        good = good_lists()["CTLFile.tlv"]
        bench.node.files["CTLFile.tlv"] = good[:-1] + bytes((good[-1] ^ 1,))
        found = row(bench.run(), Interface.TRUST_LISTS)
        assert found.status is Status.FAILED
        assert "CTLFile.tlv is invalid" in found.message
        assert "ctlctl verify http://127.0.0.1:" in (found.advice or "")

    def test_transports_that_differ(self, bench: Bench) -> None:
        bench.node.tftp_files = {**good_lists(), "ITLFile.tlv": b""}
        found = row(bench.run(), Interface.TRUST_LISTS)
        assert found.status is Status.FAILED
        assert "ITLFile.tlv is not the same over every transport" in found.message

    def test_no_transport_works(self, bench: Bench) -> None:
        bench.node.closed = {"http", "tftp"}
        report = bench.run()
        assert row(report, Interface.TRUST_LISTS).status is Status.UNKNOWN
        sip = row(report, Interface.SIP)
        assert (sip.status, sip.identity) == (Status.WARNING, "unverified")

    def test_nodes_that_serve_different_ctls(self, bench: Bench) -> None:
        bench.more_nodes = [NodePlan(name="sub1", host="127.0.0.2")]
        bench.view.names = ("pub", "sub1")
        assert row(bench.run(), Interface.CTL).message == "all 2 TFTP nodes serve the same CTL"
        bench.more_nodes[0].files["CTLFile.tlv"] = b""
        found = row(bench.run(), Interface.CTL)
        assert found.status is Status.FAILED
        assert "sub1: empty" in found.message

    def test_a_swapped_certificate(self, bench: Bench) -> None:
        bench.node.presents |= {"sip": TVS, "tvs": CAPF}
        report = bench.run()
        for interface, words in ((Interface.SIP, "as TVS, not as CCM+TFTP"), (Interface.TVS, "as CAPF, not as TVS")):
            found = row(report, interface)
            assert (found.status, found.identity) == (Status.FAILED, "mismatch")
            assert words in found.message

    def test_a_certificate_that_phones_do_not_know(self, bench: Bench) -> None:
        bench.node.presents |= {"sip": STRANGER, "tvs": STRANGER}
        report = bench.run()
        assert row(report, Interface.SIP).status is Status.FAILED
        # Phones ask another node's TVS then.
        assert row(report, Interface.TVS).status is Status.WARNING
        assert pin_of(STRANGER) in row(report, Interface.SIP).message

    def test_a_certificate_that_has_ended(self, bench: Bench) -> None:
        bench.node.presents["capf"] = CAPF.but(not_after=datetime(2026, 1, 1, tzinfo=UTC))
        found = row(bench.run(), Interface.CAPF)
        assert found.status is Status.WARNING
        assert "ended 2026-01-01" in found.message

    def test_a_node_that_is_not_pinned(self, bench: Bench) -> None:
        def without(tables: list[dict[str, Any]]) -> None:
            del tables[0]["tls_pin"]

        bench.change = without
        report = bench.run()
        found = row(report, Interface.TOMCAT)
        assert (found.status, found.identity) == (Status.WARNING, "unverified")
        assert f'tls_pin = "{pin_of(TOMCAT)}"' in (found.advice or "")
        assert report.verdict is Verdict.WORKS

    def test_a_node_with_another_certificate(self, bench: Bench) -> None:
        bench.node.presents["https_fqdn"] = PUB
        found = row(bench.run(), Interface.HTTPS_FQDN)
        assert (found.status, found.identity) == (Status.FAILED, "mismatch")

    def test_nothing_answers_at_all(self, bench: Bench) -> None:
        bench.node.closed = {"http", "tftp", *bench.node.presents}
        report = bench.run()
        assert (report.verdict, EXIT_CODES[report.verdict]) == (Verdict.UNDECIDED, 3)
        assert not any(one.reachable for one in report.rows)


class TestPhones:
    def test_none_answers(self, bench: Bench) -> None:
        bench.table["phones"] = {"https_port": free_port()}
        bench.view.phones = [Registration("SEP000000000001", registered=True, address="127.0.0.1", has_web=True)]
        found = row(bench.run(), Interface.PHONES)
        assert (found.status, found.reachable, found.fault) == (Status.FAILED, False, "unreachable")

    def test_some_answer(self, bench: Bench, tmp_path: Path) -> None:
        port = bench.stack.enter_context(tcp_server(lambda _: None, make_identity(tmp_path / "phone").context))
        bench.table["phones"] = {"https_port": port}
        bench.view.phones = [
            Registration(f"SEP00000000000{number}", registered=True, address=f"127.0.0.{number}", has_web=True)
            for number in (1, 2)
        ]
        found = row(bench.run(), Interface.PHONES)
        assert found.status is Status.WARNING
        assert "1 of 2" in found.message

    def pages(self, bench: Bench, *answers: bytes) -> Row:
        """Let phones answer, each with one page for every question; returns the row."""
        bench.view.phones = [
            Registration(f"SEP00000000000{number}", registered=True, address=f"127.0.0.{number}", has_web=True)
            for number, _ in enumerate(answers, 1)
        ]

        def serve(exchange: TcpExchange) -> None:
            page = answers[int(exchange.sock.getsockname()[0].rpartition(".")[2]) - 1]
            exchange.send(b"HTTP/1.0 200 OK\r\n\r\n" + page)

        port = bench.stack.enter_context(http_server(serve, host="0.0.0.0"))  # noqa: S104 - two addresses
        bench.table["phones"] = {"http_port": port, "https_port": free_port()}
        return row(bench.run(), Interface.PHONE_PAGES)

    def test_pages(self, bench: Bench) -> None:
        good = b"<a><HostName>SEP000000000001</HostName><CTLFile>%s</CTLFile><ITLFile>None</ITLFile></a>" % (b"ab" * 16)
        found = self.pages(bench, good, b"<a><HostName>SEP0000000000FF</HostName></a>")
        assert (found.status, found.fault, found.reachable) == (Status.WARNING, "wrong-device", True)
        assert "1 of 2 can be read, 1 of them tell which lists they hold; the others: wrong-device 1" in found.message

    def test_pages_that_do_not_tell(self, bench: Bench) -> None:
        found = self.pages(bench, b"<a><HostName>SEP000000000001</HostName></a>")
        assert (found.status, found.fault) == (Status.WARNING, None)
        assert "1 of 1 can be read, 0 of them tell" in found.message

    def test_no_pages(self, bench: Bench) -> None:
        found = self.pages(bench, b"<form><input type=password></form>")
        assert (found.status, found.fault, found.reachable) == (Status.FAILED, "login", True)
        assert "none of 1 phones with a web server shows its pages" in found.message

    def test_pages_that_are_not_wanted(self, bench: Bench) -> None:
        bench.table["phones"] = {"pages": False}
        assert row(bench.run(), Interface.PHONE_PAGES).message == "not asked: pages = false in the settings"


class TestTvs:
    def test_it_knows_the_certificates_in_use(self, bench: Bench) -> None:
        assert "; knows 1 of 1 CallManager certificates in use" in row(bench.run(), Interface.TVS).message

    def test_it_does_not_know_one(self, bench: Bench) -> None:
        bench.more_nodes = [NodePlan(name="sub1", host="127.0.0.2", known=(PUB,))]
        bench.more_nodes[0].presents["sip"] = STRANGER
        bench.view.names = ("pub", "sub1")
        bench.node.known = (PUB, STRANGER)
        report = bench.run()
        assert row(report, Interface.TVS, "pub").status is Status.OK
        found = row(report, Interface.TVS, "sub1")
        assert (found.status, found.reachable) == (Status.FAILED, True)
        assert f"knows 1 of 2 CallManager certificates in use, not that of sub1 (SHA-256 {pin_of(STRANGER)})" in (
            found.message
        )
        assert report.verdict is Verdict.TROUBLE

    def test_it_gives_no_answer(self, bench: Bench) -> None:
        """It may not like our name: that is no proof that phones get none."""
        bench.node.known = None
        found = row(bench.run(), Interface.TVS)
        assert (found.status, found.fault) == (Status.WARNING, "refused")
        assert "asked about certificates, it gives no answer" in found.message


class TestLabCertificates:
    """Everybody who has a lab's directory has its keys: outside a lab they prove nothing."""

    def lab_node(self, bench: Bench) -> None:
        bench.node.presents |= {"tomcat": LAB_TOMCAT, "https_fqdn": LAB_TOMCAT}
        bench.axl["tls_pin"] = pin_of(LAB_TOMCAT)

        def pin(tables: list[dict[str, Any]]) -> None:
            tables[0]["tls_pin"] = pin_of(LAB_TOMCAT)

        bench.change = pin

    def test_a_pinned_one_is_refused(self, bench: Bench) -> None:
        self.lab_node(bench)
        report = bench.run()
        for interface in (Interface.IDENTITY, Interface.TOMCAT, Interface.HTTPS_FQDN):
            found = row(report, interface)
            assert (found.status, found.identity) == (Status.FAILED, "refused-lab")
            assert "lab = true" in (found.advice or "")
        assert (report.verdict, bench.opened) == (Verdict.TROUBLE, 0)

    def test_in_a_lab_it_counts(self, bench: Bench) -> None:
        self.lab_node(bench)
        bench.table["lab"] = True
        report = bench.run()
        assert row(report, Interface.IDENTITY).identity == "pinned"
        assert report.verdict is Verdict.WORKS

    def test_a_ca_file_of_a_lab_is_refused(self, bench: Bench) -> None:
        (bench.folder / "ca.pem").write_text(ssl.DER_cert_to_PEM_cert(LAB_TOMCAT.encode()))
        bench.axl |= {"tls_pin": None, "tls_ca": "ca.pem"}
        found = row(bench.run(), Interface.IDENTITY)
        assert found.status is Status.FAILED
        assert "lab" in found.message

    def test_phones_of_a_lab_are_refused(self, bench: Bench, tmp_path: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*write_certificate(tmp_path, LAB_TOMCAT))
        port = bench.stack.enter_context(tcp_server(lambda _: None, context))
        bench.table["phones"] = {"https_port": port}
        bench.view.phones = [Registration("SEP000000000001", registered=True, address="127.0.0.1", has_web=True)]
        assert row(bench.run(), Interface.PHONES).identity == "refused-lab"


class TestCaFiles:
    def test_the_certificate_itself(self, bench: Bench, tmp_path: Path) -> None:
        identity = make_identity(tmp_path / "ca")
        port = bench.stack.enter_context(tcp_server(lambda _: None, identity.context, "127.0.0.9"))
        ca = str(identity.certificate_file)
        bench.axl |= {"host": "127.0.0.9", "port": port, "tls_pin": None, "tls_ca": ca}
        assert row(bench.run(), Interface.IDENTITY).identity == "ca"

    def test_a_name_that_is_not_in_it(self, bench: Bench, tmp_path: Path) -> None:
        identity = make_identity(tmp_path / "ca")
        port = bench.stack.enter_context(tcp_server(lambda _: None, identity.context))
        bench.axl |= {"port": port, "tls_pin": None, "tls_ca": str(identity.certificate_file)}
        found = row(bench.run(), Interface.IDENTITY)
        assert (found.status, found.identity) == (Status.FAILED, "mismatch")

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_a_file_that_is_none(self, bench: Bench, content: str | None) -> None:
        if content is not None:
            (bench.folder / "ca.pem").write_text(content)
        bench.axl |= {"tls_pin": None, "tls_ca": "ca.pem"}
        found = row(bench.run(), Interface.IDENTITY)
        assert found.status is Status.FAILED
        assert "ca.pem" in found.message


def test_what_a_server_says_cannot_steer_the_terminal(bench: Bench) -> None:
    bench.view.errors["version"] = fault(ConnectorFault.PROTOCOL, "\x1b]0;x\x07 evil")
    assert all(line.isprintable() for line in render(bench.run(), colour=False))
