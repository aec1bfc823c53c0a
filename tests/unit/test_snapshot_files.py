"""The snapshot's directory: what is asked for by name is looked for in it, and nowhere else."""

from pathlib import Path

import pytest

from ctlctl.fleet.answers import AnswerError, NoSuchError, answer
from ctlctl.fleet.files import SnapshotError, SnapshotFiles

PHONE = {"name": "SEP001122334455", "model": "8841"}
ELSEWHERE = '{"name": "hq", "lists": [], "sources": {}, "secret": "of somebody else"}'


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    (tmp_path / "elsewhere.json").write_text(ELSEWHERE)
    (tmp_path / "elsewhere.phones.jsonl").write_text('{"name":"SEP1","secret":1}\n')
    found = SnapshotFiles(tmp_path / "snapshot")
    found.prepare(None)
    found.write("hq", {"name": "hq", "lists": [], "sources": {}}, [PHONE])
    return found


def names_of_elsewhere(files: SnapshotFiles) -> tuple[str, ...]:
    return "../elsewhere", f"{files.directory.parent}/elsewhere", "./../elsewhere", "hq/../../elsewhere"


def test_no_name_leads_out_of_the_directory(files: SnapshotFiles) -> None:
    for name in names_of_elsewhere(files):
        assert files.cluster(name) is None
        with pytest.raises(NoSuchError):
            answer(files, "cluster-status", {"cluster": name}, 0)
        with pytest.raises(SnapshotError, match="no phones"):
            list(files.phones(name))
        with pytest.raises(SnapshotError, match="no phones"):
            files.phone(name, "SEP1")


def test_what_lies_in_the_way_is_neither_followed_nor_kept(files: SnapshotFiles) -> None:
    elsewhere = files.directory.parent / "elsewhere.json"
    (files.directory / ".hq.json.new").symlink_to(elsewhere)
    (files.directory / ".hq.phones.jsonl.new").write_text("half of what a killed ctld")
    files.write("hq", {"name": "hq", "version": "15"}, [PHONE])
    assert elsewhere.read_text() == ELSEWHERE
    assert files.cluster("hq") == {"name": "hq", "version": "15"}
    assert list(files.phones("hq")) == [PHONE]


@pytest.mark.parametrize("name", ["", ".", "hq\0", "\ud800", "x" * 5000, "*", "HQ"])
def test_what_can_be_no_name_is_not_there(files: SnapshotFiles, name: str) -> None:
    assert files.cluster(name) is None


@pytest.mark.parametrize("device", ["", "\ud800", "SEP\0", '","x":"'])
def test_what_can_be_no_phone_is_not_there(files: SnapshotFiles, device: str) -> None:
    assert files.phone("hq", device) is None
    assert files.phone("hq", "SEP001122334455") == PHONE


@pytest.mark.parametrize("text", ["x" * 4001, ",".join(["SEP*"] * 201)])
def test_a_filter_that_would_keep_ctld_busy_is_refused(files: SnapshotFiles, text: str) -> None:
    with pytest.raises(AnswerError, match="too long: 4000 characters and 200 words at most"):
        answer(files, "phone-list", {"cluster": "hq", "name": text}, 0)
    good = ",".join(["SEP*"] * 200)
    assert answer(files, "phone-list", {"cluster": "hq", "name": good}, 0)["total"] == 1
