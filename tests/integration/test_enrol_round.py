"""ctld keeps certificates of users fresh: one attempt, then patience, across restarts, and all of it on record."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctlctl.act.audit import check_chain
from ctlctl.enroll.errors import EnrollFault
from ctlctl.enroll.folder import CredentialFolder
from ctlctl.enroll.renewing import FIRST_WAIT, LONGEST_WAIT, History, backoff, read_history, write_history
from ctlctl.service.enrolround import EnrolmentRound
from ctlctl.store.store import Store
from ctlctl_capf.rules import AuthMode
from ctlctl_config.enrolment import EnrolmentSettings
from ctlctl_config.model import AxlSettings, ClusterSettings
from support.capfserver import NAME, OTHER_CAPF, CapfService, anchor_file, capf_service, install, string_file
from support.command import ctlctl


@dataclass
class Site:
    """A CAPF, a credential that is due, and what ctld needs for it.

    Attributes:
        service: the CAPF.
        folder: where everything is.
        store: ctld's.
        later: by how much the clock is ahead.
    """

    service: CapfService
    folder: Path
    store: Store
    later: timedelta = field(default_factory=timedelta)

    def enrolment(self, name: str = "recorder", **changes: object) -> EnrolmentSettings:
        fields: dict[str, object] = {
            "name": name,
            "directory": self.folder / name,
            "device_name": NAME,
            "host": "127.0.0.1",
            "port": self.service.port,
            "trust_anchor": anchor_file(self.folder),
            **changes,
        }
        return EnrolmentSettings(**fields)  # type: ignore[arg-type]  # the test names fields of the table

    def round(self, *enrolments: EnrolmentSettings) -> EnrolmentRound:
        axl = AxlSettings(
            host="127.0.0.1", username="reader", password_file=self.folder / "none", tls_pin=":".join(["AB"] * 32)
        )
        settings = ClusterSettings(timezone="UTC", axl=axl, enrolments=enrolments or (self.enrolment(),))
        return EnrolmentRound("hq", settings, self.store, lambda: time.time() + self.later.total_seconds())

    def enroll(self, name: str = "recorder") -> bytes:
        """Get a first certificate, with the string; return it."""
        self.service.orders[NAME] = install()
        self.service.used.clear()
        words = ("--server", f"127.0.0.1:{self.service.port}", "--name", NAME, "--out", self.folder / name)
        how = ("--auth-string-file", string_file(self.folder), "--trust-anchor", anchor_file(self.folder))
        done = ctlctl("capf", "enroll", *words, *how)
        assert done.code == 0, done.err
        return self.certificate(name)

    def certificate(self, name: str = "recorder") -> bytes:
        return (self.folder / name / "certificate.pem").read_bytes()

    def events(self) -> list[tuple[str, object, object]]:
        """Return the audit log: event, result, fault; its chain holds."""
        entries = self.store.audit_log()
        assert check_chain(iter(entries), None).problem is None
        assert {entry.who for entry in entries} <= {"ctld"}
        return [(entry.event, entry.detail.get("result"), entry.detail.get("fault")) for entry in entries]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A credential of which two months are left, of a year; CAPF takes it, and issues for a year."""
    with capf_service(tmp_path) as service, Store.open(tmp_path / "store.db") as store:
        site = Site(service, tmp_path, store)
        service.age = timedelta(days=300)
        site.enroll()
        service.age = timedelta(minutes=1)
        service.orders[NAME] = install(mode=AuthMode.LSC)
        yield site


def test_what_is_due_is_renewed_once_and_recorded(site: Site) -> None:
    first = site.certificate()
    ctld = site.round()
    assert ctld.states == ()
    assert ctld.due(datetime.now(UTC)) == ("recorder",)
    (state,) = ctld.run()
    assert (state.failure, state.verdict, state.failures) == (None, "not-due", 0)
    assert state.not_after == site.service.issued[-1].not_after
    assert state.last_renewal is not None
    assert state.next_attempt == state.due_at
    assert site.certificate() != first
    assert site.events() == [("enrolment-renew-begins", None, None), ("enrolment-renew", "done", None)]
    sessions = site.service.sessions
    assert ctld.run() == ctld.states
    assert site.service.sessions == sessions


def test_a_failure_rests_longer_each_time_also_after_a_restart(site: Site) -> None:
    first = site.certificate()
    site.service.fault = "vanish"
    (state,) = site.round().run()
    assert (state.failure, state.failures) == (EnrollFault.PROTOCOL, 1)
    assert state.last_attempt is not None
    assert state.next_attempt == state.last_attempt + FIRST_WAIT
    assert "127.0.0.1" in state.words
    sessions = site.service.sessions
    # Too early, for this ctld and for one that has just started.
    (again,) = site.round().run()
    assert (again.failure, again.failures, again.next_attempt) == (state.failure, 1, state.next_attempt)
    assert site.service.sessions == sessions
    site.later = FIRST_WAIT + timedelta(seconds=1)
    (state,) = site.round().run()
    assert state.failures == 2
    assert state.next_attempt is not None
    assert state.last_attempt is not None
    assert state.next_attempt - state.last_attempt == 2 * FIRST_WAIT
    assert site.certificate() == first
    site.service.fault = ""
    site.later += 2 * FIRST_WAIT
    (state,) = site.round().run()
    assert (state.failure, state.failures, state.last_attempt) == (None, 0, None)
    assert site.certificate() != first
    assert [result for event, result, _ in site.events() if event == "enrolment-renew"] == ["failed", "failed", "done"]
    assert not (site.folder / "recorder" / "renewal.json").exists()


def test_who_renews_by_hand_ends_the_rest(site: Site) -> None:
    site.service.fault = "vanish"
    site.round().run()
    site.service.fault = ""
    time.sleep(1.1)
    assert ctlctl("capf", "enroll", "--renew", "--out", site.folder / "recorder").code == 0
    site.round().due(datetime.now(UTC))
    (state,) = site.round().run()
    assert (state.failure, state.failures, state.verdict) == (None, 0, "not-due")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("retry", EnrollFault.RETRY_LATER), ("half", EnrollFault.PROTOCOL), ("http", EnrollFault.PROTOCOL)],
)
def test_trouble_has_a_reason_and_leaves_the_old(site: Site, fault: str, reason: EnrollFault) -> None:
    first = site.certificate()
    site.service.fault = fault
    (state,) = site.round().run()
    assert state.failure is reason
    assert site.certificate() == first


def test_nothing_is_ordered_or_nobody_orders(site: Site) -> None:
    site.service.orders[NAME] = install()
    (state,) = site.round().run()
    assert state.failure is EnrollFault.REFUSED
    sessions = site.service.sessions
    site.later = timedelta(days=2)
    by_user = site.enrolment(user="recorder", instance="1", device_name=None, order=True)
    (state,) = site.round(by_user).run()
    assert state.failure is EnrollFault.CLUSTER
    assert site.service.sessions == sessions


def test_another_capf_hears_nothing(site: Site, tmp_path: Path) -> None:
    with capf_service(tmp_path, capf=OTHER_CAPF) as other:
        (state,) = site.round(site.enrolment(port=other.port)).run()
        assert state.failure is EnrollFault.STRANGER
        assert other.heard == b""


def test_the_pin_is_believed_where_nothing_else_is_known(site: Site) -> None:
    (state,) = site.round(site.enrolment(trust_anchor=None)).run()
    assert (state.failure, state.verdict) == (None, "not-due")


def test_what_has_ended_is_not_tried(site: Site) -> None:
    site.later = timedelta(days=100)
    sessions = site.service.sessions
    (state,) = site.round().run()
    assert (state.failure, state.next_attempt) == (EnrollFault.EXPIRED, None)
    assert "authentication string" in state.words
    assert site.service.sessions == sessions
    assert site.events() == []


def test_one_that_cannot_be_renewed_keeps_no_other_from_it(site: Site) -> None:
    site.enroll("wrong")
    site.service.orders[NAME] = install(mode=AuthMode.LSC)
    missing = site.enrolment("missing")
    wrong = site.enrolment("wrong", device_name="somebody")
    first = site.certificate()
    states = site.round(missing, wrong, site.enrolment()).run()
    assert [each.failure for each in states] == [EnrollFault.NO_CREDENTIAL, EnrollFault.OTHER_NAME, None]
    assert states[0].not_after is None
    assert not (site.folder / "missing").exists()
    assert site.certificate() != first


def test_somebody_is_at_work_on_it(site: Site) -> None:
    with CredentialFolder(site.folder / "recorder").locked():
        (state,) = site.round().run()
    assert (state.failure, state.failures) == (EnrollFault.BUSY, 0)
    assert site.events() == []


def test_patience() -> None:
    waits = [backoff(failures) for failures in range(1, 30)]
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert backoff(1, 3600) == timedelta(hours=1)
    assert backoff(1, 1) == FIRST_WAIT
    assert backoff(1, 10**9) == LONGEST_WAIT


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]", b'{"schema": "ctlctl.renewal-history/1"}', b"\xff", bytes(100_000)]
)
def test_a_history_that_cannot_be_read_is_none(tmp_path: Path, text: bytes) -> None:
    folder = CredentialFolder(tmp_path)
    (tmp_path / "renewal.json").write_bytes(text)
    assert read_history(folder) == History()
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    kept = History(3, now, now + LONGEST_WAIT, EnrollFault.SILENT, "wörter \udc80")
    write_history(folder, kept)
    assert read_history(folder).failures == 3
    assert read_history(folder).retry_at == now + LONGEST_WAIT
