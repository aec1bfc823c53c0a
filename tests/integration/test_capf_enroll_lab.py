"""The life of a user's certificate on a lab, as an operator leads it: profile, enrolment, renewal, end; and by ctld."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl.service.enrolorders import ProfileOrders
from ctlctl.service.enrolround import EnrolmentRound
from ctlctl.service.openers import Opener
from ctlctl_config import load_settings
from ctlctl_config.enrolment import EnrolmentSettings
from ctlctl_lab.capforders import LSC_DAYS_PARAMETER
from support.command import Done, ctlctl
from support.watching import Watched, watched_lab

USER = "lab-recorder"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_lab(tmp_path_factory.mktemp("enrolling") / "lab") as running:
        yield running


def profile(watched: Watched, what: str, instance: str, *more: object) -> None:
    done = watched.ctlctl("capf", "profile", what, "lab", "--user", USER, "--instance", instance, *more)
    assert done.code == 0, done.err


def enroll(watched: Watched, out: Path, *more: object) -> Done:
    return watched.ctlctl("capf", "enroll", "--out", out, *more)


@contextmanager
def created(watched: Watched, instance: str, folder: Path) -> Iterator[Path]:
    """Create a profile whose string lies in a file, for the length of a ``with`` block.

    A lab spells a user's instances alike, and takes the one that has an operation pending.
    """
    string = folder / f"string-{instance}"
    mode = ("--mode", "string", "--auth-string-file", string)
    profile(watched, "create", instance, "--operation", "install", *mode, "--key-size", "2048")
    try:
        yield string
    finally:
        profile(watched, "remove", instance)


def test_profile_enrolment_renewal_and_end(watched: Watched, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with created(watched, "life-1", tmp_path) as string:
        who = ("--cluster", "lab", "--user", USER, "--instance", "life-1", "--auth-string-file", string)
        done = enroll(watched, out, *who)
        assert done.code == 0, done.err
        assert "unproven" in done.err
        assert "signed by a key that lab knows (AXL)" in done.out
        first = (out / "certificate.pem").read_bytes()

        # The string was good for one use, and nothing is ordered any more.
        done = enroll(watched, out, *who)
        assert (done.code, done.out) == (4, "")
        assert (out / "certificate.pem").read_bytes() == first

        assert enroll(watched, out, "--renew").out.startswith("not-due")
        profile(watched, "update", "life-1", "--operation", "install", "--mode", "lsc")
        done = enroll(watched, out, "--renew", "--force")
        assert (done.code, done.err) == (0, "")
        assert (out / "certificate.pem").read_bytes() != first
        assert (out / "previous" / "certificate.pem").read_bytes() == first

        profile(watched, "update", "life-1", "--operation", "delete")
        done = enroll(watched, out, "--delete")
        assert (done.code, done.err) == (0, "")
        assert not (out / "key.pem").exists()
        status = watched.lab.world.cluster.application_user_profiles["life-1"].capf.certificate_status
        assert status == "Delete Success"


def test_a_wrong_string_is_told_and_the_profile_says_so(watched: Watched, tmp_path: Path) -> None:
    with created(watched, "wrong-1", tmp_path) as string:
        string.write_text("0000\n")
        who = ("--cluster", "lab", "--user", USER, "--instance", "wrong-1", "--auth-string-file", string)
        done = enroll(watched, tmp_path / "out", *who)
        assert (done.code, done.out) == (4, "")
        assert "string" in done.err
        assert not (tmp_path / "out" / "key.pem").exists()
        status = watched.lab.world.cluster.application_user_profiles["wrong-1"].capf.certificate_status
        assert "Invalid Authentication String" in status


def test_a_lab_is_not_believed_in_a_cluster_that_is_none(watched: Watched, tmp_path: Path) -> None:
    with created(watched, "real-1", tmp_path) as string:
        real = watched.settings.with_name("real.toml")
        real.write_text(watched.settings.read_text().replace("lab = true", "lab = false"))
        words = (
            "capf",
            "enroll",
            "--out",
            tmp_path / "out",
            "--cluster",
            "lab",
            "--user",
            USER,
            "--instance",
            "real-1",
        )
        done = ctlctl("--config", real, *words, "--auth-string-file", string, "--trust-on-first-use")
        assert (done.code, done.out) == (4, "")
        assert "LAB ctlctl" in done.err


def test_ctld_orders_and_renews_what_is_due(watched: Watched, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with created(watched, "kept-1", tmp_path) as string:
        words = ("--cluster", "lab", "--user", USER, "--instance", "kept-1", "--auth-string-file", string)
        world = watched.lab.world
        days = world.cluster.service_parameters.get(LSC_DAYS_PARAMETER)
        world.cluster.service_parameters[LSC_DAYS_PARAMETER] = "10"
        try:
            assert enroll(watched, out, *words).code == 0
        finally:
            world.cluster.service_parameters[LSC_DAYS_PARAMETER] = days or "1825"
        first = (out / "certificate.pem").read_bytes()
        watched.refresh()
        store = watched.daemon._store
        enrolment = EnrolmentSettings(name="kept", directory=out, user=USER, instance="kept-1", order=True)
        cluster = load_settings(watched.settings).clusters["lab"].model_copy(update={"enrolments": (enrolment,)})

        def later() -> float:
            return time.time() + 9 * 86_400

        opener = Opener("lab", cluster, watched.daemon.telemetry, watched.daemon._refusals, time.sleep)
        ctld = EnrolmentRound("lab", cluster, store, later, ProfileOrders("lab", cluster, opener, store, later))
        before = len(store.audit_log())
        assert ctld.due(datetime.fromtimestamp(later(), UTC)) == ("kept",)
        (state,) = ctld.run()
        assert (state.failure, state.words, state.verdict) == (None, "", "not-due")
        assert (out / "certificate.pem").read_bytes() != first
        assert [entry.event for entry in store.audit_log()[before:]] == [
            "enrolment-renew-begins",
            "capf-profile-update-begins",
            "capf-profile-update",
            "enrolment-renew",
        ]
        assert world.cluster.application_user_profiles["kept-1"].capf.certificate_status == "Upgrade Success"


def test_what_is_ordered_already_is_not_ordered_again(watched: Watched, tmp_path: Path) -> None:
    enrolment = EnrolmentSettings(name="kept", directory=tmp_path, user=USER, instance="ordered-1", order=True)
    missing = enrolment.model_copy(update={"instance": "missing-1"})
    cluster = load_settings(watched.settings).clusters["lab"]
    opener = Opener("lab", cluster, watched.daemon.telemetry, watched.daemon._refusals, time.sleep)
    orders = ProfileOrders("lab", cluster, opener, watched.daemon._store, time.time)
    with created(watched, "ordered-1", tmp_path):
        before = len(watched.daemon._store.audit_log())
        orders.order(enrolment)
        assert len(watched.daemon._store.audit_log()) == before
    with pytest.raises(ConnectorError) as caught:
        orders.order(missing)
    assert caught.value.fault is ConnectorFault.NO_SUCH_ITEM


def test_a_cluster_that_cannot_be_asked_is_told_before_anything_is_sent(watched: Watched, tmp_path: Path) -> None:
    text = watched.settings.read_text()
    silent = watched.settings.with_name("silent.toml")
    silent.write_text(re.sub(r"(?m)^(\[clusters\.lab\.axl\]\n(?:.*\n)*?port = )\d+$", r"\g<1>1", text))
    assert silent.read_text() != text
    with created(watched, "asked-1", tmp_path) as string:
        words = ("--cluster", "lab", "--user", USER, "--instance", "asked-1", "--auth-string-file", string)
        done = ctlctl("--config", silent, "capf", "enroll", "--out", tmp_path / "out", *words)
        assert (done.code, done.out) == (3, "")
        assert "--trust-anchor" in done.err
        assert watched.lab.world.cluster.application_user_profiles["asked-1"].capf.pending
        done = ctlctl("--config", silent, "capf", "enroll", "--cluster", "nowhere", "--name", "x", "--out", tmp_path)
        assert (done.code, done.out) == (2, "")
