"""The repository's own corpus: made anew without a difference, and judged as its index says."""

import hashlib
import importlib.util
import sys

import pytest

from ctlctl_trust import (
    Kind,
    ListReport,
    SignedReport,
    build_trust_list,
    check_continuity,
    scan_trust_list,
    verify_trust_list,
)
from ctlctl_trust.signature import SHA1
from support.lists import PUB, RECOVERY, ctl_rows, itl_rows, list_plan
from support.vectors import NOW, OWN, Vector, hold, own, own_index, verify_vector


def report_on(vector: Vector) -> ListReport | SignedReport:
    return verify_vector(vector, own, "good/CTLFile.tlv")


@pytest.mark.parametrize("vector", own_index(), ids=str)
def test_verdict_and_reason(vector: Vector) -> None:
    assert hashlib.sha256(own(vector.name)).hexdigest() == vector.sha256
    hold(vector, report_on(vector).findings)


def test_the_generator_gives_the_same_files() -> None:
    # The generator is a script beside this file, found by its path only.
    spec = importlib.util.spec_from_file_location("ctlctl_vectors_generate", OWN / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    made = module.corpus()
    assert {one.name: one.data for one in made} == {
        str(path.relative_to(OWN / "files")): path.read_bytes() for path in (OWN / "files").rglob("*") if path.is_file()
    }, "python tests/vectors/generate.py gives other files: commit what it wrote, or mend it"
    assert module.index(made) == (OWN / "index.json").read_text()


def test_the_corpus_stays_small() -> None:
    made = [OWN / "index.json", *(OWN / "keys").iterdir(), *(OWN / "files").rglob("*.*")]
    assert sum(path.stat().st_size for path in made if path.is_file()) < 400 * 1024


@pytest.mark.parametrize("vector", [v for v in own_index() if v.continuity_from], ids=str)
def test_continuity(vector: Vector) -> None:
    new, old = (verify_trust_list(own(name), NOW) for name in (vector.name, vector.continuity_from or ""))
    assert check_continuity(new, old).continuity == vector.continuity


@pytest.mark.parametrize("vector", [v for v in own_index() if v.kind == "tlv"], ids=str)
def test_what_was_read_is_written_back_byte_for_byte(vector: Vector) -> None:
    data = own(vector.name)
    scan = scan_trust_list(data)
    if scan.complete:
        assert scan.trust_list is not None
        assert scan.trust_list.encode() == data
    else:
        assert scan.findings.invalid


def test_encrypted_file_decrypts() -> None:
    vector = next(v for v in own_index() if v.name == "sgn/SEP001122334455.cnf.xml.enc.sgn")
    report = report_on(vector)
    assert isinstance(report, SignedReport)
    assert report.plaintext is not None
    assert report.plaintext.endswith(b"</device>\n")


def test_the_library_writes_what_the_independent_writer_wrote() -> None:
    assert build_trust_list(list_plan(ctl_rows()), RECOVERY.identity()) == own("good/CTLFile.tlv")
    assert build_trust_list(list_plan(itl_rows(), Kind.ITL), RECOVERY.identity()) == own("good/ITLFile.tlv")
    old = verify_trust_list(own("good/CTLFile_10x.tlv"), NOW).trust_list
    assert old is not None
    plan = list_plan(ctl_rows()[1:], digest=SHA1, timestamp=old.header.timestamp)
    assert build_trust_list(plan, PUB.identity()) == own("good/CTLFile_10x.tlv")
