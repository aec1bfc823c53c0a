"""A lab's directory: nobody else reads it, its keys are made once, and damage is told in words."""

import stat
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ctlctl_lab.dirs import LabDir, LabError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "some" / "lab"


def modes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): stat.filemode(path.stat().st_mode) for path in folder.rglob("*")}


def test_nobody_else_may_read_it(folder: Path) -> None:
    directory = LabDir(folder)
    directory.ec_key("phone")
    directory.secret("axl.password")
    directory.write("ctld.toml", b"# settings\n")
    directory.hold()
    directory.release()
    assert stat.filemode(folder.stat().st_mode) == "drwx------"
    assert modes(folder) == {
        "lab.json": "-rw-------",
        "lab.lock": "-rw-------",
        "ctld.toml": "-rw-------",
        "keys": "drwx------",
        "keys/phone.pem": "-rw-------",
        "secrets": "drwx------",
        "secrets/axl.password": "-rw-------",
    }


def test_what_it_gave_once_it_gives_again(folder: Path) -> None:
    first, second = LabDir(folder), LabDir(folder)
    assert first.born == second.born
    assert first.rsa_key("one", 1024).private_numbers() == second.rsa_key("one", 1024).private_numbers()
    assert first.rsa_key("one", 1024) is first.rsa_key("one", 1024)
    assert first.ec_key("two").private_numbers() == second.ec_key("two").private_numbers()
    assert first.secret("password") == second.secret("password")
    assert first.secret("password") != first.secret("other")
    assert len(first.secret("password")) >= 20


def test_two_who_make_the_same_key_at_once_have_the_same(folder: Path) -> None:
    directories = [LabDir(folder) for _ in range(4)]
    threads = [Thread(target=each.ec_key, args=("phone",)) for each in directories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.ec_key("phone").private_numbers().private_value for each in directories}) == 1
    assert list((folder / "keys").iterdir()) == [folder / "keys" / "phone.pem"]


def test_a_file_is_replaced_whole(folder: Path) -> None:
    directory = LabDir(folder)
    path = directory.write("ctld.toml", b"old")
    assert directory.write("ctld.toml", b"new") == path
    assert path.read_bytes() == b"new"
    directory.write("ctld.toml", b"newest", replace=False)
    assert path.read_bytes() == b"new"
    assert not list(folder.glob(".new-*"))


def test_one_lab_at_a_time(folder: Path) -> None:
    one, other = LabDir(folder), LabDir(folder)
    one.hold()
    with pytest.raises(LabError, match=r"a lab runs in .* already; stop it, or give another --dir"):
        other.hold()
    other.release()
    one.release()
    one.release()
    other.hold()
    other.release()


@pytest.mark.parametrize(
    "damage", [b"", b"not a key\n", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_says_which_and_what_to_do(damage: bytes, folder: Path) -> None:
    LabDir(folder).ec_key("phone")
    (folder / "keys" / "phone.pem").write_bytes(damage)
    with pytest.raises(LabError, match=r"the key phone in .* cannot be read: .*; remove it"):
        LabDir(folder).ec_key("phone")
    (folder / "keys" / "phone.pem").unlink()
    assert LabDir(folder).ec_key("phone").key_size == 256


def test_a_key_of_another_kind_says_so(folder: Path) -> None:
    directory = LabDir(folder)
    directory.ec_key("phone")
    with pytest.raises(LabError, match="is no RSA key; remove it"):
        directory.rsa_key("phone")
    directory.rsa_key("node", 1024)
    with pytest.raises(LabError, match="is no EC key; remove it"):
        directory.ec_key("node")
    other = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    directory.write("keys/third.pem", other)
    with pytest.raises(LabError, match="is of another kind; remove it"):
        directory.rsa_key("third")


def test_a_key_that_cannot_be_opened_says_so(folder: Path) -> None:
    directory = LabDir(folder)
    (folder / "keys" / "phone.pem").mkdir()
    (folder / "secrets" / "axl.password").mkdir()
    with pytest.raises(LabError, match=r"the key phone in .* cannot be read"):
        directory.ec_key("phone")
    with pytest.raises(LabError, match=r"the secret axl.password in .* cannot be read"):
        directory.secret("axl.password")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"born": "today"}', "7"])
def test_a_directory_that_is_no_labs_is_left_alone(text: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "lab.json").write_text(text)
    with pytest.raises(LabError, match=r"cannot be the lab's directory: .*; give another with --dir"):
        LabDir(folder)
    assert (folder / "lab.json").read_text() == text


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text("mine")
    with pytest.raises(LabError, match="cannot be the lab's directory"):
        LabDir(tmp_path / "lab")
