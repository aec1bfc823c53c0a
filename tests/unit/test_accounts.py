"""Accounts that a cluster refuses: a wrong password is sent once, whatever restarts; a new one is always tried."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.secret import Secret
from ctlctl.service.accounts import Account, AccountError
from ctlctl.service.credentials import Credentials, Seal, is_sealed, seal
from ctlctl.service.refusals import Refusals
from ctlctl.store.errors import StoreError, StoreFault
from ctlctl.store.store import Store
from ctlctl.store.values import StoredRefusal
from ctlctl_config.model import AccountTable

PLACE = Place("lab", "pub", "platform CLI")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("wrong\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "ctld.db") as opened:
        yield opened


class Meter:
    """Counts trouble with the store."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def store_error(self, kind: str) -> None:
        self.kinds.append(kind)


class Trouble:
    """A store that takes nothing, or gives nothing, while something is the matter."""

    def __init__(self, store: Store, *, reads: bool = True) -> None:
        self.store = store
        self.reads = reads
        self.on = True

    def _hold(self, *, reading: bool = False) -> None:
        if self.on and not (reading and self.reads):
            raise StoreError(StoreFault.LOCKED, "ctld.db", "Another program holds it")

    def keep_refusal(self, cluster: str, refusal: StoredRefusal) -> None:
        self._hold()
        self.store.keep_refusal(cluster, refusal)

    def forget_refusal(self, cluster: str, account: str) -> None:
        self._hold()
        self.store.forget_refusal(cluster, account)

    def refusal(self, cluster: str, account: str) -> StoredRefusal | None:
        self._hold(reading=True)
        return self.store.refusal(cluster, account)


def refusals_of(store: Store | Trouble, meter: Meter | None = None) -> Refusals:
    """Return the memories of one run of the daemon."""
    return Refusals(store, meter or Meter(), lambda: 1_800_000_000.0)


def account_of(file: Path, refusals: Refusals, username: str = "ctlctl-os") -> Account:
    return Account("platform", username, AccountTable(password_file=file), PLACE, refusals.of("lab", "platform"))


def write(file: Path, password: str) -> None:
    """Exchange a password file as editors do."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{password}\n")
    fresh.chmod(0o600)
    fresh.replace(file)


class Node:
    """A node that takes one password."""

    def __init__(self, right: str) -> None:
        self.right = right
        self.tried: list[str] = []

    def login(self, password: Secret) -> str:
        self.tried.append(password.reveal())
        if self.tried[-1] != self.right:
            raise ConnectorError(ConnectorFault.CREDENTIALS, "refused", place=PLACE)
        return "in"


def refused(account: Account, node: Node) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        account.use(node.login)
    assert caught.value.fault is ConnectorFault.CREDENTIALS
    return caught.value


def test_a_wrong_password_is_sent_once_however_many_ask_at_the_same_time(file: Path, store: Store) -> None:
    node, account, together = Node("right"), account_of(file, refusals_of(store)), Barrier(8)

    def ask() -> ConnectorFault | None:
        together.wait(10)
        try:
            account.use(node.login)
        except ConnectorError as error:
            return error.fault
        return None

    with ThreadPoolExecutor(8) as pool:
        told = [each.result() for each in [pool.submit(ask) for _ in range(8)]]
    assert told == [ConnectorFault.CREDENTIALS] * 8
    assert node.tried == ["wrong"]
    write(file, "right")
    assert account.use(node.login) == "in"


def test_a_password_that_was_taken_lets_nobody_wait_for_the_others(file: Path, store: Store) -> None:
    account, together = account_of(file, refusals_of(store)), Barrier(4)
    account.use(lambda _: None)
    with ThreadPoolExecutor(4) as pool:
        # Each use lasts until all are under way.
        list(pool.map(lambda _: account.use(lambda _: together.wait(10)), range(4)))


def test_a_password_written_while_the_old_one_is_being_refused_is_tried(file: Path, store: Store) -> None:
    node, account = Node("right"), account_of(file, refusals_of(store))

    def slowly(password: Secret) -> str:
        write(file, "right")
        return node.login(password)

    with pytest.raises(ConnectorError, match="refused"):
        account.use(slowly)
    assert account.use(node.login) == "in"
    assert node.tried == ["wrong", "right"]


def test_trouble_of_another_kind_says_nothing_about_the_password(file: Path, store: Store) -> None:
    node, account = Node("wrong"), account_of(file, refusals_of(store))

    def away(_: Secret) -> str:
        raise ConnectorError(ConnectorFault.UNREACHABLE, "nobody there", place=PLACE)

    for _ in range(3):
        with pytest.raises(ConnectorError, match="nobody there"):
            account.use(away)
    assert account.use(node.login) == "in"


def test_no_restart_tries_a_refused_password_again_and_a_new_file_with_it_does_not_either(
    file: Path, store: Store
) -> None:
    node = Node("right")
    refused(account_of(file, refusals_of(store)), node)
    for _ in range(3):
        # As systemd hands credentials over: another file at each start.
        write(file, "wrong")
        error = refused(account_of(file, refusals_of(store)), node)
        assert "was refused by platform CLI (2027-01-15 08:00 UTC)" in error.detail
        assert "--retry-credentials" in error.advice
        assert "CUCM locks accounts" in error.advice
    assert node.tried == ["wrong"]
    write(file, "right")
    account = account_of(file, refusals_of(store))
    assert account.use(node.login) == "in"
    assert store.refusal("lab", "platform") is None
    assert node.tried == ["wrong", "right"]


def test_another_user_with_the_same_password_is_another_account(file: Path, store: Store) -> None:
    node = Node("right")
    refused(account_of(file, refusals_of(store)), node)
    refused(account_of(file, refusals_of(store), "ctlctl-new"), node)
    assert node.tried == ["wrong", "wrong"]
    refused(account_of(file, refusals_of(store), "ctlctl-new"), node)
    assert node.tried == ["wrong", "wrong"]


def test_one_more_try_is_one_and_only_a_login_forgets(file: Path, store: Store) -> None:
    node = Node("right")
    account = account_of(file, refusals_of(store))
    # Nothing was refused: this is no leave for later.
    account.try_once_more()
    refused(account, node)
    refused(account, node)
    assert node.tried == ["wrong"]
    account.try_once_more()
    account.check()
    with pytest.raises(AccountError):
        account.check(strict=True)
    for _ in range(3):
        refused(account, node)
    assert node.tried == ["wrong"] * 2
    account.try_once_more()
    # The leave ends with the process.
    account = account_of(file, refusals_of(store))
    refused(account, node)
    assert node.tried == ["wrong"] * 2
    account.try_once_more()
    node.right = "wrong"
    assert account.use(node.login) == "in"
    assert account_of(file, refusals_of(store)).use(node.login) == "in"


def test_what_another_node_still_takes_does_not_undo_what_one_has_refused(file: Path, store: Store) -> None:
    node, account = Node("right"), account_of(file, refusals_of(store))
    account.use(lambda _: None)

    def while_another_is_refused(_: Secret) -> str:
        with pytest.raises(ConnectorError):
            account.use(node.login)
        return "in"

    assert account.use(while_another_is_refused) == "in"
    refused(account, node)
    assert node.tried == ["wrong"]


def test_a_client_that_was_opened_with_an_earlier_password_forgets_nothing(file: Path, store: Store) -> None:
    node, account = Node("right"), account_of(file, refusals_of(store))
    write(file, "right")
    early = account.password()
    guard = account.guard(early)
    assert guard(lambda: node.login(early)) == "in"
    write(file, "wrong")
    refused(account, node)
    for _ in range(3):
        assert guard(lambda: node.login(early)) == "in"
        refused(account, node)
    assert node.tried.count("wrong") == 1
    assert not account.is_taken()


def test_a_store_that_takes_nothing_loses_nothing(
    file: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    trouble, meter, node = Trouble(store), Meter(), Node("right")
    refusals = refusals_of(trouble, meter)
    account = account_of(file, refusals)
    refused(account, node)
    # New settings of the cluster: another account, and the same memory.
    refused(account_of(file, refusals), node)
    assert node.tried == ["wrong"]
    assert meter.kinds == ["locked"]
    assert store.refusal("lab", "platform") is None
    trouble.on = False
    monkeypatch.setattr("ctlctl.service.refusals._REST_SECONDS", 0.0)
    refusals.save()
    refused(account_of(file, refusals_of(store)), node)
    assert node.tried == ["wrong"]
    assert "wrong" not in caplog.text


def test_what_the_store_did_not_take_is_written_later_without_being_asked(
    file: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctlctl.service.refusals._REST_SECONDS", 0.0)
    trouble, node = Trouble(store), Node("right")
    account = account_of(file, refusals_of(trouble))
    refused(account, node)
    trouble.on = False
    refused(account, node)
    assert store.refusal("lab", "platform") is not None
    # Neither is a refusal left there that a login has ended.
    account.try_once_more()
    trouble.on, node.right = True, "wrong"
    assert account.use(node.login) == "in"
    trouble.on = False
    assert account.use(node.login) == "in"
    assert store.refusal("lab", "platform") is None


def test_a_store_that_tells_nothing_has_nothing_tried(file: Path, store: Store) -> None:
    node = Node("wrong")
    trouble = Trouble(store, reads=False)
    account = account_of(file, refusals_of(trouble))
    for _ in range(2):
        with pytest.raises(AccountError, match="cannot be told: Another program holds it") as caught:
            account.use(node.login)
        assert caught.value.fault is ConnectorFault.INVALID
    assert node.tried == []
    trouble.on = False
    assert account.use(node.login) == "in"


def test_digests_are_made_when_a_refusal_is_kept_and_when_it_is_met_again(
    file: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Credentials] = []
    real = is_sealed

    def counted(credentials: Credentials, kept: Seal) -> bool:
        made.append(credentials)
        return real(credentials, kept)

    monkeypatch.setattr("ctlctl.service.refusals.is_sealed", counted)
    node = Node("right")
    account = account_of(file, refusals_of(store))
    for _ in range(5):
        refused(account, node)
    assert made == []
    account = account_of(file, refusals_of(store))
    for _ in range(5):
        refused(account, node)
    assert len(made) == 1


def test_a_digest_tells_these_credentials_from_others_and_shows_nothing() -> None:
    these = Credentials("ab", Secret("c-hunter2"))
    kept, again = seal(these), seal(these)
    assert is_sealed(these, kept)
    assert (kept.salt, kept.digest) != (again.salt, again.digest)
    assert len(kept.salt) == 16
    for other in (Credentials("ab", Secret("c-hunter3")), Credentials("a", Secret("bc-hunter2"))):
        assert not is_sealed(other, kept)
    for words in (repr(these), repr(kept), repr(StoredRefusal("axl", "AXL", 1, kept.method, kept.salt, kept.digest))):
        assert "hunter2" not in words
        assert repr(kept.digest) not in words
    # Of a later version: nobody can tell, so nothing is tried.
    assert is_sealed(Credentials("x", Secret("y")), replace(kept, method="something-new"))


def test_a_machine_that_can_make_no_digest_remembers_while_it_runs(
    file: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: Credentials) -> Seal:
        raise ValueError("unsupported")

    monkeypatch.setattr("ctlctl.service.refusals.seal", none)
    node, account = Node("right"), account_of(file, refusals_of(store))
    for _ in range(3):
        refused(account, node)
    assert node.tried == ["wrong"]
