"""The other commands of the platform's command line, read."""

from collections.abc import Callable
from typing import Any

import pytest

from ctlctl.console import (
    CommandRefusedError,
    ConsoleError,
    parse_capf,
    parse_cert_list,
    parse_cert_show,
    parse_change,
    parse_network_cluster,
    parse_ntp,
    parse_replication,
    parse_service,
    parse_sql,
    parse_trace,
    parse_version,
    split_session,
)
from ctlctl.console.sql import MAX_COLUMNS
from support.lists import PUB
from support.vectors import ROOT

PARSERS: dict[str, Callable[[str], Any]] = {
    "cert_list": parse_cert_list,
    "cert_own": parse_cert_show,
    "service": parse_service,
    "sql": parse_sql,
    "capf": parse_capf,
    "replication": parse_replication,
    "ntp": parse_ntp,
    "version": parse_version,
    "network": parse_network_cluster,
    "ctl_update": parse_change,
    "trace": parse_trace,
}


def sample(name: str) -> str:
    return (ROOT / "tests" / "data" / "console" / f"{name}.txt").read_text()


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
class TestAnyCommand:
    @pytest.mark.parametrize("text", ["", "\n\n", "\x1b[K\r"])
    def test_nothing_is_no_answer(self, parse: Callable[[str], Any], text: str) -> None:
        with pytest.raises(ConsoleError) as caught:
            parse(text)
        assert caught.value.line is None

    def test_too_much(self, parse: Callable[[str], Any]) -> None:
        with pytest.raises(ConsoleError, match="at most"):
            parse("x" * (1024 * 1024 + 1))


@pytest.mark.parametrize("name", [name for name in PARSERS if name not in ("trace", "capf")])
def test_something_else_names_its_first_line(name: str) -> None:
    with pytest.raises(ConsoleError) as caught:
        PARSERS[name]("\nsomething else\nand more")
    assert caught.value.line == 2
    assert "something else" in str(caught.value)


@pytest.mark.parametrize("name", [name for name in PARSERS if name != "trace"])
@pytest.mark.parametrize("words", ["Executed command unsuccessfully", "No valid command entered"])
def test_a_command_that_did_not_run(name: str, words: str) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        PARSERS[name](f"The reason\n{words}\nadmin:")
    assert (caught.value.reason, caught.value.line) == ("The reason", 2)
    with pytest.raises(CommandRefusedError) as caught:
        PARSERS[name](words)
    assert caught.value.reason == ""


class TestCertificates:
    def test_own(self) -> None:
        own = parse_cert_list(sample("cert_list_own"))
        assert [one.argument for one in own.entries][:2] == ["tomcat/tomcat.pem", "tomcat-ECDSA/tomcat-ECDSA.pem"]
        assert [one.self_signed for one in own.entries] == [False, True, True, True, True]
        assert own.entries[0].signed_by == "Example Issuing CA 2"
        assert own.unread == ()

    def test_trust_with_blanks_wrap_and_paging(self) -> None:
        trust = parse_cert_list(sample("cert_list_trust"))
        assert trust.unread == ()
        assert trust.entries[1].name == "Example Root R1.pem"
        assert trust.entries[1].self_signed is None
        assert trust.entries[3].signed_by == "An Example Issuing CA With A Long Name"

    def test_blocks(self) -> None:
        blocks = parse_cert_list(sample("cert_list_blocks"))
        assert [(one.unit, one.kind, one.line) for one in blocks.entries] == [
            ("tomcat", "own-cert", 1),
            ("CAPF-trust", "trust-certs", 7),
        ]
        expires = blocks.entries[0].expires
        assert expires is not None
        assert expires.instant is not None
        assert blocks.entries[1].expires is None

    def test_a_line_that_is_no_entry_is_kept(self) -> None:
        found = parse_cert_list(sample("cert_list_own").replace("CAPF/CAPF.pem:", "CAPF CAPF"))
        assert [line.number for line in found.unread] == [5]

    def test_a_whole_certificate(self) -> None:
        shown = parse_cert_show(sample("cert_own"))
        assert (shown.unread, shown.mismatches) == ((), ())
        assert shown.certificate == PUB.read()
        assert shown.certificate is not None
        assert (shown.key, shown.signature) == (shown.certificate.list_key, shown.certificate.signature)
        assert (shown.signature_algorithm, shown.signature_oid) == ("SHA256withRSA", "1.2.840.113549.1.1.11")
        usage, names, key_id = shown.extensions
        assert (usage.critical, usage.usages) == (True, ("digitalSignature", "keyEncipherment"))
        assert names.alt_names == (("pub.example.com", "dNSName"), ("sub1.example.com", "dNSName"))
        assert key_id.key_id == "00112233445566778899aabbccddeeff00112233"
        assert shown.valid_from is not None
        # Local time with an ambiguous zone is never made an instant.
        assert (shown.valid_from.zone, shown.valid_from.instant) == ("CET", None)

    @pytest.mark.parametrize(
        ("old", "new", "what"),
        [
            ("Extensions: 3", "Extensions: 4", "the number of extensions"),
            ("altNames: 2", "altNames: 3", "altNames"),
            ("Serial Number: ", "Serial Number: 1", "the serial number"),
            ("  0000: ", "  x000: ", "the length of the signature"),
            ("Key value: 30", "Key value: ", "the length of the key"),
        ],
    )
    def test_words_that_contradict_the_certificate(self, old: str, new: str, what: str) -> None:
        shown = parse_cert_show(sample("cert_own").replace(old, new, 1))
        assert [one.what for one in shown.mismatches] == [what]

    def test_the_first_lines_only(self) -> None:
        shown = parse_cert_show(sample("cert_own_first_lines"))
        assert shown.subject is not None
        assert (shown.serial, shown.valid_to, shown.certificate, shown.extensions) == (None, None, None, ())

    @pytest.mark.parametrize("cut", ["-----END", "\nMII"])
    def test_a_broken_pem_is_kept(self, cut: str) -> None:
        text = sample("cert_own")
        shown = parse_cert_show(text[: text.index(cut)] + ("\n-----END CERTIFICATE-----" if cut != "-----END" else ""))
        assert shown.certificate is None
        assert shown.subject is not None
        assert any("BEGIN" in line.text for line in shown.unread)

    def test_base64_that_is_no_certificate_keeps_its_bytes(self) -> None:
        shown = parse_cert_show("Serial Number: 01\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----")
        assert (shown.der, shown.certificate, len(shown.unread)) == (b"\x30\x00", None, 3)
        bad = parse_cert_show("Serial Number: 01\n-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----")
        assert (bad.der, len(bad.unread)) == (None, 3)

    def test_what_stands_twice_is_kept(self) -> None:
        shown = parse_cert_show("Serial Number: 01\nSerial Number: 02\n")
        assert (shown.serial, len(shown.unread)) == ("01", 1)
        # Words inside a PEM end it, and are read as what they are.
        shown = parse_cert_show("-----BEGIN CERTIFICATE-----\nMAA=\nSerial Number: 03\n")
        assert (shown.serial, len(shown.unread)) == ("03", 2)

    def test_a_pem_alone_will_do(self) -> None:
        text = sample("cert_own")
        pem = text[text.index("-----BEGIN") :]
        assert parse_cert_show(pem).certificate == PUB.read()
        # A second one is not taken for the first.
        assert parse_cert_show(pem.replace("admin:", "") + pem).unread


def test_services() -> None:
    services = parse_service(sample("service_list"))
    assert services.unread == ()
    assert (services.manager_running, services.return_code, services.primary) == (True, 0, True)
    last = services.last
    assert last["Cisco Tftp"].activated is True
    assert last["Name Service Cache"].activated is False
    # Stopped without a note: activated or not, the console does not say.
    assert last["Cisco Trust Verification Service"].activated is None
    odd = parse_service("A[STARTED]\n>> Return code = -1\nPrimary Node =false\nService Manager is not running\nwhat")
    assert (odd.return_code, odd.primary, odd.manager_running, len(odd.unread)) == (-1, False, False, 1)


def test_a_restart() -> None:
    restart = parse_service(sample("service_restart"))
    assert [row.state for row in restart.rows] == ["STOPPING", "STARTING", "STARTING", "STARTED"]
    assert restart.last["Cisco Tftp"].state == "STARTED"
    assert restart.unread == ()


class TestSql:
    def test_a_table(self) -> None:
        table = parse_sql(sample("sql"))
        assert table.records()[0] == {"name": "SEP0A1B2C3D4E5F", "description": "Desk of Åsa", "tkmodel": "684"}
        assert table.rows[1][1] == ""
        assert (table.lines, table.unread) == ((4, 5), ())

    def test_none(self) -> None:
        table = parse_sql(sample("sql_none"))
        assert (table.columns, table.rows, table.unread) == ((), (), ())

    def test_a_row_beside_its_columns_is_kept(self) -> None:
        table = parse_sql("note\na  b\n== ==\n12 34\nrest of a value\n")
        assert table.rows == (("12", "34"),)
        assert [line.text for line in table.unread] == ["note", "rest of a value"]

    @pytest.mark.parametrize("text", ["== ==", "a b\n" + "= " * (MAX_COLUMNS + 1), "wide name\n==", "A syntax error"])
    def test_no_table(self, text: str) -> None:
        with pytest.raises(ConsoleError):
            parse_sql(text)


class TestCapf:
    def test_devices_and_count(self) -> None:
        found = parse_capf(sample("capf_csr"))
        assert [one.device for one in found.entries] == ["SEP0A1B2C3D4E5F", "SEP0A1B2C3D4E60"]
        assert (found.count, found.unread, found.mismatches) == (2, (), ())

    def test_a_count_that_is_not_the_devices(self) -> None:
        found = parse_capf(sample("capf_csr").replace("CSRs: 2", "CSRs: 3"))
        assert [(one.stated, one.counted) for one in found.mismatches] == [(3, 2)]

    def test_two_counts_are_none(self) -> None:
        found = parse_capf("Pending: 3\nSigned: 4")
        assert (found.count, len(found.unread)) == (None, 2)

    def test_words_alone_are_kept(self) -> None:
        found = parse_capf("There is nothing")
        assert (found.entries, found.count, len(found.unread)) == ((), None, 1)


class TestReplication:
    def test_release_9(self) -> None:
        state = parse_replication(sample("replication_9"))
        assert [node.good for node in state.nodes] == [True, True, False]
        assert (state.nodes[2].ping_ms, state.nodes[2].rpc, state.nodes[2].queue) == (None, False, 417)
        assert state.field("sync errors") == "NO ERRORS"
        assert state.field("nothing") is None
        assert (state.unread, state.mismatches) == ((), ())

    def test_release_15(self) -> None:
        state = parse_replication(sample("replication_15"))
        assert [node.good for node in state.nodes] == [True, True, False]
        assert [node.group for node in state.nodes] == ["g_2", "g_3", None]
        assert (state.nodes[2].database, state.nodes[2].monitor, state.nodes[2].setup) == (False, None, 0)
        assert [(one.stated, one.counted) for one in state.mismatches] == [(803, 790)]
        assert [line.text for line in state.unread] == ["PROCESS option set to: 1"]

    @pytest.mark.parametrize(
        ("check", "differs"),
        [
            (("COMPLETED 681 tables checked out of 681", "No Errors or Mismatches found."), ""),
            (("COMPLETED. Checked 754 tables out of 754", "no errors or mismatches were found"), ""),
            (("in PROGRESS. Checked 680 tables out of 749", "No Errors or Mismatches found."), ""),
            # No source prints the words for a difference: any are taken for one.
            (
                ("COMPLETED 681 tables checked out of 681", "Errors or Mismatches Were Found!!!"),
                "errors or mismatches w",
            ),
            (("COMPLETED 681 tables checked out of 681", "3 errors or mismatches in 2 tables"), "3 errors or mism"),
        ],
    )
    def test_what_the_last_check_of_all_tables_found(self, check: tuple[str, str], differs: str) -> None:
        said = (
            "Replication status command started at: 2026-01-02-16-18\n"
            f"     Replication status command {check[0]}\n     Last Completed Table: functionrole\n     {check[1]}\n\n"
            "     Use 'file view activelog cm/trace/dbl/sdi/ReplicationStatus.2026_01_02.out' to see the details"
        )
        text = sample("replication_15").replace("BROADCAST SYNC ended on 1 servers at: 2026-11-01-02-03", said)
        state = parse_replication(text)
        assert [line.text for line in state.unread] == ["PROCESS option set to: 1"]
        assert state.field("last completed table") == "functionrole"
        assert state.checks == (f"Replication status command {check[0]}", check[1])
        assert state.differs.casefold().startswith(differs.casefold())
        assert bool(state.differs) is bool(differs)
        assert state.own is not None
        assert state.own.server == "labpub"

    @pytest.mark.parametrize(
        ("before", "after", "differs"),
        [
            ("Sync Errors: NO ERRORS", "Sync Errors: 12 ERRORS in 3 tables", "Sync Errors: 12 ERRORS in 3 tables"),
            ("Sync Errors: NO ERRORS", "Sync Errors: ", ""),
            ("Sync Errors: NO ERRORS", "Sync Status: Tables are not in sync", "Sync Status: Tables are not in sync"),
            ("Sync Errors: NO ERRORS", "Sync Status: All Tables are in sync", ""),
            # Words that are neither tell nothing.
            ("Sync Errors: NO ERRORS", "Sync Status: as it is", ""),
        ],
    )
    def test_what_the_last_synchronisation_found(self, before: str, after: str, differs: str) -> None:
        assert parse_replication(sample("replication_9").replace(before, after)).differs == differs

    def test_tables_of_one_node(self) -> None:
        text = sample("replication_9").replace(
            "Connected   0     match  Yes   (2) Setup", "Connected   0     diff  Yes   (2) Setup"
        )
        assert [node.differs for node in parse_replication(text).nodes] == ["", "tables: diff", ""]

    def test_a_missing_row(self) -> None:
        text = "\n".join(line for line in sample("replication_9").split("\n") if not line.startswith("labsub1"))
        assert [one.what for one in parse_replication(text).mismatches] == ["the number of servers"]

    def test_no_table(self) -> None:
        words = "Runtime state cannot be performed on a cluster with a single active node; aborting operation"
        assert parse_replication(words).single_node
        assert parse_replication("Cisco DB is not running").database_down


class TestNtp:
    def test_ntpd(self) -> None:
        status = parse_ntp(sample("ntp_ntpd"))
        assert (status.daemon, status.running, status.synchronised) == ("ntpd", True, True)
        assert (status.server, status.stratum, status.unread) == ("192.0.2.123", 3, ())
        assert [peer.followed for peer in status.peers] == [True, False]
        assert [zone for zone, _ in status.clocks] == ["UTC", "Europe/Oslo"]

    def test_not_synchronised(self) -> None:
        text = sample("ntp_unsynchronised")
        assert parse_ntp(text).synchronised is False
        assert parse_ntp(text + "\nsynchronized to NTP server (192.0.2.1) at stratum 2").synchronised is False
        assert parse_ntp("ntpd (pid 1) is stopped").synchronised is None

    def test_chronyd(self) -> None:
        text = sample("ntp_chronyd")
        status = parse_ntp(text)
        assert (status.daemon, status.synchronised, status.unread) == ("chronyd", True, ())
        assert status.peers[0].reach == 0o377
        assert parse_ntp(text.replace("^*", "^x")).synchronised is False


def test_versions() -> None:
    active, inactive = parse_version(sample("version_active")), parse_version(sample("version_inactive"))
    assert (active.active, active.version, len(active.options or ())) == (True, "14.0.1.13900-155", 2)
    assert (inactive.active, inactive.options, inactive.unread) == (False, (), ())
    cut = parse_version("Active Master Version: 15.0.1.1-1\nwhat is this")
    assert (cut.options, len(cut.unread)) == (None, 1)
    assert len(parse_version("Active Master Version:\nActive Version Installed Software Options: odd").unread) == 1


def test_network() -> None:
    cluster = parse_network_cluster(sample("network_pub"))
    assert [node.authenticated for node in cluster.nodes] == [True, True, False]
    assert [node.publisher for node in cluster.nodes] == [False, True, False]
    assert cluster.server_table == ("192.0.2.11", "labsub1.lab.example")
    assert cluster.unread == ()
    old = parse_network_cluster(sample("network_sub_8"))
    assert [node.product for node in old.nodes] == [None, None]
    assert old.server_table is None
    odd = parse_network_cluster(sample("network_sub_8") + "\n1 labpub 192.0.2.1 - Publisher Hub")
    assert len(odd.unread) == 1


def test_changes() -> None:
    update = parse_change(sample("ctl_update"))
    assert (update.updated, update.mixed_mode, len(update.to_do)) == (True, None, 1)
    assert update.questions == (("This operation updates the CTLFile. Do you want to continue?", "y"),)
    refused = parse_change("This operation will set it. Do you want to continue? (y/n):n")
    assert (refused.updated, refused.mixed_mode) == (False, None)
    deleted = parse_change("files: found = 2, deleted = 1", "file delete")
    assert [(one.stated, one.counted) for one in deleted.mismatches] == [(2, 1)]


def test_traces() -> None:
    trace = parse_trace(sample("trace"))
    assert [line.level for line in trace.lines] == ["NOT", "WRN", "DEB", "debug"]
    assert (trace.unread, trace.mismatches) == ((), ())
    wrong = parse_trace(sample("trace").replace("length : 23", "length : 22") + "\nno such line")
    assert [(one.stated, one.counted) for one in wrong.mismatches] == [(22, 24)]
    assert len(wrong.unread) == 1
    with pytest.raises(ConsoleError, match="line 1"):
        parse_trace("no such line")


def test_a_session_is_split_at_its_prompts() -> None:
    text = (
        "Welcome\r\n\r\nadmin:show version active\r\nActive Master Version: 1.2.3-4\r\nadmin:\r\n\radmin:run sql x\r\ny"
    )
    exchanges = split_session(text)
    assert [one.command for one in exchanges] == [None, "show version active", "run sql x"]
    assert parse_version(exchanges[1].output).version == "1.2.3-4"
    assert exchanges[2].output == "y"
    assert split_session("") == ()


def test_an_echo_in_front_is_not_output() -> None:
    assert parse_version("show version active\r\nActive Master Version: 1.2.3-4\r\n").unread == ()
    assert len(parse_version("Active Master Version: 1.2.3-4\nshow version active").unread) == 1
