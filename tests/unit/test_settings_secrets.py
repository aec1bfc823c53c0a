"""Secrets come from files that nobody else can read, or from systemd."""

import os
import stat
from pathlib import Path

import pytest

from ctlctl_config import AxlSettings, SecretError, make_cluster, read_secret_file, write_secret_file
from ctlctl_config.secretfiles import MAX_SECRET_BYTES, read_credential


def axl(tmp_path: Path, **how: str) -> AxlSettings:
    table = {"host": "h", "username": "u", "tls_pin": "AB" * 32, **how}
    return make_cluster(tmp_path / "ctld.toml", "hq", {"timezone": "UTC", "axl": table}).axl


def secret(tmp_path: Path, data: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("data", [b"hunter2", b"hunter2\n", b"hunter2\r\n"])
def test_a_line_end_is_no_part_of_it(tmp_path: Path, data: bytes) -> None:
    secret(tmp_path, data)
    assert axl(tmp_path, password_file="secret").read_password().get_secret_value() == "hunter2"  # noqa: S106


@pytest.mark.parametrize("data", [b" a b ", "pässwörd".encode()])
def test_blanks_and_letters_of_all_kinds_are(tmp_path: Path, data: bytes) -> None:
    assert read_secret_file(secret(tmp_path, data)).get_secret_value() == data.decode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610])
def test_a_file_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path, b"hunter2", mode)
    with pytest.raises(SecretError, match=f"mode 0{mode:o}.*chmod 600") as caught:
        read_secret_file(path)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ones_own_is_not(tmp_path: Path, mode: int) -> None:
    assert read_secret_file(secret(tmp_path, b"hunter2", mode))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo", "more than one line"),
        (b"a\0b", "control character"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (MAX_SECRET_BYTES + 1), "more than"),
    ],
)
def test_what_is_no_secret(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SecretError, match=words):
        read_secret_file(secret(tmp_path, data))


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read"):
        read_secret_file(tmp_path / "missing")
    with pytest.raises(SecretError, match="is no file"):
        read_secret_file(tmp_path)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(SecretError, match="is no file"):
        read_secret_file(tmp_path / "fifo")


def test_it_is_not_shown(tmp_path: Path) -> None:
    found = read_secret_file(secret(tmp_path, b"hunter2"))
    assert "hunter2" not in f"{found!r} {found}"


def test_a_credential_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretError, match="is not set"):
        read_credential("hq")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SecretError, match="cannot be read"):
        read_credential("hq")
    # systemd guards the directory; its files may well have bits for a group, with an access list behind them.
    (tmp_path / "hq").write_bytes(b"hunter2\n")
    (tmp_path / "hq").chmod(0o440)
    assert axl(tmp_path, password_credential="hq").read_password().get_secret_value() == "hunter2"  # noqa: S106


class TestWriting:
    def test_only_the_owner_can_read_it(self, tmp_path: Path) -> None:
        old = os.umask(0)
        try:
            write_secret_file(tmp_path / "secrets" / "hq", "hunter2")
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / "secrets" / "hq").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
        assert read_secret_file(tmp_path / "secrets" / "hq").get_secret_value() == "hunter2"

    def test_nothing_is_replaced(self, tmp_path: Path) -> None:
        path = secret(tmp_path, b"old")
        with pytest.raises(FileExistsError):
            write_secret_file(path, "new")
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(FileExistsError):
            write_secret_file(tmp_path / "link", "new")
        assert path.read_bytes() == b"old"

    def test_half_a_file_is_taken_away(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_secret_file(tmp_path / "hq", "hunter2")
        assert not list(tmp_path.iterdir())
