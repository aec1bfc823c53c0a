"""The daemon at work on a lab, as operators meet it: commands, socket, HTTP, snapshot, reload."""

import csv
import io
import json
import os
import signal
import socket
import stat
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from ctlctl.fleet.client import AskError, ask_daemon
from ctlctl.inventory.words import Fault, Source
from ctlctl.service.daemon import Daemon
from ctlctl.service.server import ServerError
from ctlctl.service.web import WebError
from ctlctl.service.worker import ClusterWorker
from ctlctl.store.store import StoreError
from ctlctl_config import load_settings
from support.command import ctlctl
from support.watching import PATIENCE, Watched, eventually, watched_lab


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_lab(tmp_path_factory.mktemp("watched") / "lab") as running:
        yield running


class TestShowing:
    def test_status(self, watched: Watched) -> None:
        done = watched.ctlctl("status")
        assert done.code == 0, done.err
        assert done.out.startswith("lab  CUCM 14.0.1.13900-155 · mixed mode · 3 nodes · 40 phones")
        assert "40 of 40" in done.out
        assert "nothing to report" in done.out
        assert done.err == ""
        assert all(len(line) <= 100 for line in done.out.splitlines())

    def test_status_in_json(self, watched: Watched) -> None:
        answer = watched.ctlctl("status", "-o", "json").json
        assert answer["schema"] == "ctlctl.status/1"
        assert answer["live"] is True
        clusters = answer["clusters"]
        assert isinstance(clusters, list)
        (cluster,) = clusters
        assert cluster["numbers"]["phones"] == 40
        assert {one["last_success"] is not None for one in cluster["sources"].values()} == {True}
        assert sum(cluster["numbers"]["credentials"].values()) == 40

    def test_one_cluster(self, watched: Watched) -> None:
        assert watched.ctlctl("status", "lab").code == 0
        assert watched.ctlctl("cluster", "status", "lab").code == 0
        answer = watched.ctlctl("cluster", "status", "lab", "-o", "json").json
        assert answer["schema"] == "ctlctl.cluster-status/1"

    def test_a_phone_that_is_not_there(self, watched: Watched) -> None:
        done = watched.ctlctl("phone", "show", "lab", "SEP000000000000")
        assert (done.code, done.out) == (3, "")
        assert "SEP000000000000" in done.err

    def test_phones_as_table_csv_and_json(self, watched: Watched) -> None:
        table = watched.ctlctl("phone", "list", "lab")
        assert len(table.out.splitlines()) == 41
        assert "40 rows" in table.err
        rows = list(csv.DictReader(io.StringIO(watched.ctlctl("phone", "list", "lab", "-o", "csv").out)))
        assert len(rows) == 40
        assert {row["registered"] for row in rows} == {"Registered"}
        told = watched.ctlctl("phone", "list", "lab", "-o", "json").json["rows"]
        assert isinstance(told, list)
        assert [row["name"] for row in told] == [row["name"] for row in rows]

    @pytest.mark.parametrize(
        ("filters", "key", "wanted"),
        [
            (("--security-mode", "encrypted"), "security_mode", {"Encrypted"}),
            (("--credential", "lsc*"), "credential", {"lsc", "lsc-expiring"}),
            (("--credential", "none,mic*"), "credential", {"none", "mic", "mic-suspected"}),
            (("--family", "7800"), "family", {"7800"}),
            (("--device-pool", "DP-B*"), "device_pool", {"DP-Berlin"}),
        ],
    )
    def test_filters(self, watched: Watched, filters: tuple[str, str], key: str, wanted: set[str]) -> None:
        answer = watched.ctlctl("phone", "list", "lab", *filters, "-o", "json").json
        rows = answer["rows"]
        assert isinstance(rows, list)
        assert rows
        assert {row[key] for row in rows} <= wanted
        everything = watched.ctlctl("phone", "list", "lab", "-o", "json").json["rows"]
        assert isinstance(everything, list)
        assert len(rows) == sum(row[key] in wanted for row in everything)

    def test_pages_add_up(self, watched: Watched) -> None:
        names = []
        for offset in range(0, 50, 15):
            page = watched.ctlctl("phone", "list", "lab", "--offset", offset, "--limit", 15, "-o", "json").json
            assert page["total"] == 40
            rows = page["rows"]
            assert isinstance(rows, list)
            names += [row["name"] for row in rows]
        assert len(names) == len(set(names)) == 40

    def test_registration_and_node_filters(self, watched: Watched) -> None:
        assert watched.ctlctl("phone", "list", "lab", "--registration", "unregistered", "-o", "json").json["total"] == 0
        by_node = [
            watched.ctlctl("phone", "list", "lab", "--node", name, "-o", "json").json["total"]
            for name in watched.lab.world.cluster.nodes
        ]
        assert sum(int(str(count)) for count in by_node) == 40

    def test_one_phone(self, watched: Watched) -> None:
        phone = next(one for one in watched.lab.world.cluster.phones.values() if one.lsc is not None and one.httpd)
        done = watched.ctlctl("phone", "show", "lab", phone.name.lower())
        assert done.code == 0, done.err
        assert phone.name in done.out
        assert "axl agrees" in " ".join(done.out.split())
        assert "Registered at" in done.out
        answer = watched.ctlctl("phone", "show", "lab", phone.name, "-o", "json").json
        assert answer["schema"] == "ctlctl.phone-show/1"

    def test_certificates(self, watched: Watched) -> None:
        rows = watched.ctlctl("cert", "list", "-o", "json").json["rows"]
        assert isinstance(rows, list)
        nodes = watched.lab.world.cluster.nodes
        known = {(row["node"], row["unit"]): row for row in rows if row["store"] == "identity"}
        for node in nodes.values():
            for unit, identity in node.identities.items():
                assert known[node.name, unit]["sha256"] == identity.fingerprint.hex()
        assert [row["not_after"] for row in rows] == sorted(row["not_after"] for row in rows)
        assert watched.ctlctl("cert", "list", "--unit", "CAPF", "--store", "identity", "-o", "json").json["total"] == 1
        assert watched.ctlctl("cert", "list", "lab", "--within", 1, "-o", "json").json["total"] == 0

    def test_lists_and_their_history(self, watched: Watched) -> None:
        rows = watched.ctlctl("trustlist", "list", "-o", "json").json["rows"]
        assert isinstance(rows, list)
        assert [(row["node"], row["kind"]) for row in rows] == [
            ("lab-pub", "ctl"),
            ("lab-pub", "itl"),
            ("lab-sub1", "ctl"),
            ("lab-sub1", "itl"),
        ]
        assert {row["signature_valid"] for row in rows} == {True}
        history = watched.ctlctl("trustlist", "history", "lab", "--kind", "ctl", "-o", "json").json["rows"]
        assert isinstance(history, list)
        assert {row["sha256"] for row in history} == {row["sha256"] for row in rows if row["kind"] == "ctl"}
        assert watched.ctlctl("trustlist", "history", "lab", "--kind", "x").code == 2
        assert "has no cluster 'nowhere'; it has: lab" in watched.ctlctl("trustlist", "history", "nowhere").err

    def test_a_filter_that_leaves_nothing_says_so(self, watched: Watched) -> None:
        done = watched.ctlctl("phone", "list", "lab", "--device-pool", "DP-Nowhere")
        assert (done.code, done.err) == (0, "ctlctl: 0 rows: nothing matches --device-pool DP-Nowhere\n")
        wrong = watched.ctlctl("phone", "list", "lab", "--credential", "mci")
        assert (wrong.code, wrong.out) == (2, "")

    @pytest.mark.parametrize(
        "words",
        [
            ("audit",),
            ("plan", "list"),
            ("trustlist", "history"),
            ("status",),
            ("cluster", "status", "-o", "json"),
            ("phone", "list"),
            ("cluster", "refresh"),
        ],
    )
    def test_a_cluster_that_neither_settings_nor_ctld_know_is_a_mistake(
        self, watched: Watched, words: tuple[str, ...]
    ) -> None:
        done = watched.ctlctl(*words, "lba")
        assert (done.code, done.out) == (2, "")
        assert "has no cluster 'lba' (is lab meant?); it has: lab" in done.err

    def test_capf_and_findings(self, watched: Watched) -> None:
        done = watched.ctlctl("capf", "list")
        assert "Upgrade Success" in done.out
        assert "jtapi-1" in done.out
        assert watched.ctlctl("finding", "list", "--severity", "critical", "-o", "json").json["total"] == 0

    def test_check(self, watched: Watched) -> None:
        done = watched.ctlctl("check", "--format", "nagios")
        assert done.code == 0
        assert done.out.startswith("OK - ")
        assert "| phones=40 critical=0 warning=0 unknown=0" in done.out
        assert watched.ctlctl("check").code == 0

    def test_refresh_one_source(self, watched: Watched) -> None:
        done = watched.ctlctl("cluster", "refresh", "lab", "--source", "trust-lists")
        assert done.code == 0
        assert done.out.split() == ["trust-lists", "ok"]
        assert watched.ctlctl("cluster", "refresh", "lab", "--source", "x").code == 2
        told = watched.ctlctl("cluster", "refresh", "lab", "--source", "axl", "-o", "json").json
        assert told["rounds"] == [{"source": "axl", "fault": None}]


class TestHttp:
    def test_metrics(self, watched: Watched) -> None:
        code, text = watched.get("/metrics")
        assert code == 200
        assert "ctl_phones{" in text
        assert 'ctl_collect_last_success_timestamp_seconds{cluster="lab",source="axl"}' in text

    def test_health(self, watched: Watched) -> None:
        assert watched.get("/healthz") == (200, "alive\n")
        assert watched.get("/readyz") == (200, "ready\n")

    @pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.evil.example", "", "[::2]"])
    def test_other_host_names_are_not_served(self, watched: Watched, host: str) -> None:
        assert watched.get("/metrics", host=host or "x")[0] == 421

    @pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "[::1]:9877", "127.0.0.1"])
    def test_own_names_are_served(self, watched: Watched, host: str) -> None:
        assert watched.get("/healthz", host=host)[0] == 200

    def test_there_is_nothing_else(self, watched: Watched) -> None:
        assert watched.get("/")[0] == 404
        assert watched.get("/status")[0] == 404


class TestSocket:
    def test_it_is_closed_to_others(self, watched: Watched) -> None:
        assert stat.S_IMODE(watched.where.socket.stat().st_mode) == 0o660

    @pytest.mark.parametrize(
        "line", [b"", b"{", b"[]", b"1", b'{"ask": 1}', b'{"ask": "status", "words": {"cluster": 1}}', b"[" * 60_000]
    )
    def test_nonsense_gets_an_answer(self, watched: Watched, line: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(str(watched.where.socket))
            sock.sendall(line + b"\n")
            with sock.makefile("rb") as lines:
                assert json.loads(lines.readline())["error"]["kind"] == "usage"

    def test_an_unknown_question(self, watched: Watched) -> None:
        with pytest.raises(AskError, match="is no question") as caught:
            ask_daemon(watched.where.socket, "nothing", {})
        assert caught.value.code == 2

    def test_a_number_that_is_none(self, watched: Watched) -> None:
        with pytest.raises(AskError, match="limit: 'x' is no number"):
            ask_daemon(watched.where.socket, "phone-list", {"cluster": "lab", "limit": "x"})

    def test_a_peer_that_says_nothing_keeps_nobody_waiting(self, watched: Watched) -> None:
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(watched.where.socket))
            assert watched.ctlctl("status").code == 0

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_a_stranger_is_denied(self, watched: Watched) -> None:
        """Somebody who is in no group gets no answer, whatever the socket's mode."""
        watched.where.socket.chmod(0o666)
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            # The child touches nothing that another thread may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:  # pragma: no cover - another process
            os.close(reader)
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            with socket.socket(socket.AF_UNIX) as sock:
                try:
                    sock.connect(str(watched.where.socket))
                    sock.sendall(b'{"ask": "status"}\n')
                    os.write(writer, sock.recv(65536))
                except OSError as error:
                    os.write(writer, str(error).encode())
            # Not os._exit: coverage would save first, and locks of the other threads are held for ever in here.
            os.kill(os.getpid(), signal.SIGKILL)
        os.close(writer)
        with os.fdopen(reader, "rb") as told:
            said = told.read()
        os.waitpid(child, 0)
        watched.where.socket.chmod(0o660)
        # Under a directory that is closed to others it does not even get so far.
        assert b'"denied"' in said or b"Permission denied" in said


class TestLife:
    def test_reload_takes_good_settings_whole_and_bad_ones_not_at_all(self, watched: Watched) -> None:
        text = watched.settings.read_text()
        try:
            watched.settings.write_text(text.replace("ris_seconds = 30", "ris_seconds = 31"))
            assert watched.daemon.reload()
            watched.settings.write_text(text + "\n[nonsense]\n")
            assert not watched.daemon.reload()
            assert "ctld_config_last_reload_successful 0.0" in watched.get("/metrics")[1]
        finally:
            watched.settings.write_text(text)
        assert watched.daemon.reload()
        assert "ctld_config_last_reload_successful 1.0" in watched.get("/metrics")[1]
        watched.refresh()
        assert watched.ctlctl("status", "-o", "json").code == 0

    def test_a_cluster_that_is_no_more_in_the_settings_is_shown_no_more(self, tmp_path: Path) -> None:
        with watched_lab(tmp_path / "lab", phones=3, nodes=1) as watched:
            text = watched.settings.read_text()
            watched.settings.write_text(text[: text.index("[clusters.lab]")])
            assert watched.daemon.reload()
            # A round that was under way tells of it once more.
            eventually(lambda: watched.ctlctl("status", "-o", "json").json["clusters"] == [], "no cluster is shown")
            eventually(lambda: 'cluster="lab"' not in watched.get("/metrics")[1], "no series of the cluster")
            watched.settings.write_text(text)
            assert watched.daemon.reload()
            watched.refresh()
            assert watched.ctlctl("status", "lab").code == 0

    @pytest.mark.parametrize("asked", ["by the schedule", "by somebody"])
    def test_nor_is_one_that_was_being_asked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
        begun, release, run = Event(), Event(), ClusterWorker.run

        def slow(worker: ClusterWorker, source: Source) -> Fault | None:
            begun.set()
            assert release.wait(PATIENCE)
            return run(worker, source)

        with watched_lab(tmp_path / "lab", phones=3, nodes=1) as watched, ThreadPoolExecutor(1) as pool:
            jobs = watched.daemon._jobs
            monkeypatch.setattr(ClusterWorker, "run", slow)
            if asked == "by the schedule":
                jobs.hurry("lab", [Source.AXL])
            else:
                pool.submit(watched.ctlctl, "cluster", "refresh", "lab", "--source", "axl")
            try:
                assert begun.wait(PATIENCE)
                text = watched.settings.read_text()
                watched.settings.write_text(text[: text.index("[clusters.lab]")])
                assert watched.daemon.reload()
            finally:
                release.set()
            pool.shutdown()
            eventually(lambda: not jobs._busy, "the round ends")
            eventually(lambda: watched.ctlctl("status", "-o", "json").json["clusters"] == [], "no cluster is shown")
            eventually(lambda: 'cluster="lab"' not in watched.get("/metrics")[1], "no series of the cluster")

    def test_two_daemons_do_not_share_a_store_a_socket_or_a_port(self, watched: Watched) -> None:
        settings = load_settings(watched.settings)
        with pytest.raises(StoreError, match="Another ctld uses it"):
            Daemon(watched.settings, settings).start()
        store = settings.store.model_copy(update={"path": watched.settings.with_name("other.db")})
        settings = settings.model_copy(update={"store": store})
        with pytest.raises(ServerError, match="another ctld listens there"):
            Daemon(watched.settings, settings).start()
        other = settings.model_copy(
            update={"api": settings.api.model_copy(update={"socket": watched.settings.with_name("other.sock")})}
        )
        with pytest.raises(WebError, match="cannot be had: Address already in use"):
            Daemon(watched.settings, other).start()
        assert not watched.settings.with_name("other.sock").exists()

    def test_what_was_known_is_there_after_a_restart_and_while_it_is_down(self, tmp_path: Path) -> None:
        with watched_lab(tmp_path / "lab", phones=5, nodes=1) as watched:
            before = watched.ctlctl("phone", "list", "lab", "-o", "json").json["rows"]
            lab = watched.lab
            watched.daemon.stop()
            down = watched.ctlctl("phone", "list", "lab", "-o", "json")
            assert down.code == 0
            assert "ctld does not run" in down.err
            assert down.json["live"] is False
            after = down.json["rows"]
            assert isinstance(before, list)
            assert isinstance(after, list)
            # A round that ended in between may have looked at a phone once more.
            assert [(row["name"], row["credential"]) for row in after] == [
                (row["name"], row["credential"]) for row in before
            ]
            assert watched.ctlctl("check", "--format", "nagios").code == 3
            assert watched.ctlctl("trustlist", "history", "lab").code == 3
            assert watched.ctlctl("cluster", "refresh", "lab").code == 3
            lab.world.node_down("lab-pub")
            daemon = Daemon(lab.settings, load_settings(lab.settings))
            again = Watched(lab, daemon, daemon.start())
            try:
                answer = again.ctlctl("status", "-o", "json").json
                clusters = answer["clusters"]
                assert isinstance(clusters, list)
                assert clusters[0]["numbers"]["phones"] == 5
            finally:
                daemon.stop()

    def test_no_snapshot_and_no_daemon(self, tmp_path: Path) -> None:
        path = tmp_path / "ctld.toml"
        path.write_text('[api]\nsocket = "s.sock"\nsnapshot = "snap"\n')
        done = ctlctl("--config", path, "status")
        assert done.code == 3
        assert "ctld does not run" in done.err
        assert "systemctl start ctld" in done.err
