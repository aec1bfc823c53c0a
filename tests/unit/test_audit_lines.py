"""The lines of an audit log in a bundle, which may be anybody's work."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from ctlctl.act.audit import GENESIS, AuditLineError, check_chain, from_line, next_entry, to_line
from support.command import ctlctl


def line(**changes: object) -> str:
    """Return a line whose hash is right, whatever it says."""
    entry = next_entry(None, 1_795_392_000, "uid 0 (root)", "rollout-started", "hq", {"plan": "7c1f0e"})
    text = json.dumps(json.loads(entry.canonical) | changes, sort_keys=True, separators=(",", ":"))
    digest = sha256(f"{GENESIS}\n{text}".encode()).hexdigest()
    return f"{text} {digest}"


def test_an_entry_is_read_back_as_it_was_written() -> None:
    first = next_entry(None, 1, "ctld", "a", "hq", {"words": "Zürich \ud800\x1b[2J", "many": [1, None, 0.5]})
    second = next_entry((first.number, first.hash), 0, "ctld", "b", "", {})
    read = [from_line(to_line(one) + "\n") for one in (first, second)]
    assert read == [first, second]
    assert check_chain(read, second.hash).problem is None


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "1\x1b[2J"},
        {"number": 1.0},
        {"number": True},
        {"at": None},
        {"who": ["root"]},
        {"detail": [["plan", "7c1f0e"]]},
        {"before": 0},
        {"schema": "ctlctl.audit/2"},
        {"more": 1},
    ],
)
def test_what_is_no_entry_is_none_though_its_hash_is_right(changes: dict[str, object], tmp_path: Path) -> None:
    assert from_line(line()).number == 1
    with pytest.raises(AuditLineError):
        from_line(line(**changes))
    bundle = tmp_path / "audit.lines"
    bundle.write_text(line(**changes) + "\n")
    done = ctlctl("audit-log", "verify", str(bundle))
    assert done.code == 1
    assert done.out.startswith("BROKEN")
    assert "\x1b" not in done.out + done.err
