"""Accounts that a cluster refuses: a wrong password is sent once, a new one is never left untried."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.secret import Secret
from ctlctl.service.accounts import Account, AccountError
from ctlctl_config.model import AccountTable

PLACE = Place("lab", "pub", "platform account")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("wrong\n")
    path.chmod(0o600)
    return path


def account_of(file: Path) -> Account:
    return Account("ctlctl-os", AccountTable(password_file=file), PLACE)


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


def test_a_wrong_password_is_sent_once_however_many_ask_at_the_same_time(file: Path) -> None:
    node, account, together = Node("right"), account_of(file), Barrier(8)

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


def test_a_password_that_was_taken_lets_nobody_wait_for_the_others(file: Path) -> None:
    account, together = account_of(file), Barrier(4)
    account.use(lambda _: None)
    with ThreadPoolExecutor(4) as pool:
        # Each use lasts until all are under way.
        list(pool.map(lambda _: account.use(lambda _: together.wait(10)), range(4)))


def test_a_password_written_while_the_old_one_is_being_refused_is_tried(file: Path) -> None:
    node, account = Node("right"), account_of(file)

    def slowly(password: Secret) -> str:
        write(file, "right")
        return node.login(password)

    with pytest.raises(ConnectorError, match="refused"):
        account.use(slowly)
    assert account.use(node.login) == "in"
    assert node.tried == ["wrong", "right"]


def test_a_refusal_that_is_told_later_is_of_the_password_that_was_read(file: Path) -> None:
    account = account_of(file)
    account.password()
    write(file, "right")
    account.was_refused()
    assert account.password().reveal() == "right"
    account.was_refused()
    with pytest.raises(AccountError, match="refused before"):
        account.password()


def test_trouble_of_another_kind_says_nothing_about_the_password(file: Path) -> None:
    node, account = Node("wrong"), account_of(file)

    def away(_: Secret) -> str:
        raise ConnectorError(ConnectorFault.UNREACHABLE, "nobody there", place=PLACE)

    for _ in range(3):
        with pytest.raises(ConnectorError, match="nobody there"):
            account.use(away)
    assert account.use(node.login) == "in"
