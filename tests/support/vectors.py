"""The project's shared test vectors: another implementation's files and a genuine one.

They are not part of this repository. ``CTLCTL_VECTORS`` names their directory; without it they are looked for beside
the repository. The repository's own corpus (`tests/vectors`) needs neither.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ctlctl_trust import Findings, ListReport, SignedReport, verify_signed_file, verify_trust_list

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tests" / "vectors"
DIRECTORY = Path(os.environ.get("CTLCTL_VECTORS") or ROOT.parent / "shared" / "vectors")

#: The instant at which every verdict of both indexes holds.
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
#: Warnings that the shared index lets stand on a plain `valid`.
TOLERATED = frozenset({"weak-digest", "weak-key", "single-sast", "expires-soon", "near-size-limit"})

SKIP_REASON = f"no shared vectors at {DIRECTORY.name}/; set CTLCTL_VECTORS to their directory"


@dataclass(frozen=True, slots=True)
class Vector:
    """One file of an index, and what must be said of it."""

    name: str
    kind: str
    verdict: str
    accept: frozenset[str] = frozenset()
    warn: frozenset[str] = frozenset()
    first_seen: tuple[int, int | None] | None = None
    trust_list: str | None = None
    decrypt_key: str | None = None
    continuity_from: str | None = None
    continuity: str | None = None
    sha256: str = ""

    def __str__(self) -> str:
        return self.name


def _vector(name: str, entry: dict[str, object]) -> Vector:
    def text(key: str) -> str | None:
        value = entry.get(key)
        return value if isinstance(value, str) else None

    def codes(key: str) -> frozenset[str]:
        value = entry.get(key, [])
        assert isinstance(value, list)
        return frozenset(map(str, value))

    seen = entry.get("first_seen")
    place = (seen["offset"], seen["tag"]) if isinstance(seen, dict) else None
    return Vector(
        name,
        text("kind") or "",
        text("verdict") or "",
        codes("accept"),
        codes("warn"),
        place,
        text("trust_list"),
        text("decrypt_key"),
        text("continuity_from"),
        text("continuity"),
        text("sha256") or "",
    )


def read_index(path: Path) -> tuple[Vector, ...]:
    """Return the entries of an index that are trust lists or signed files."""
    files = json.loads(path.read_text())["files"]
    vectors = (_vector(name, entry) for name, entry in sorted(files.items()))
    return tuple(vector for vector in vectors if vector.kind in {"tlv", "sgn", "enc.sgn"})


@cache
def shared_index() -> tuple[Vector, ...]:
    """Return the shared index; empty where there is none."""
    path = DIRECTORY / "index.json"
    return read_index(path) if path.is_file() else ()


def shared(name: str) -> bytes:
    """Return the bytes of a shared vector; the test skips where there are none."""
    path = DIRECTORY / name
    if not path.is_file():
        pytest.skip(SKIP_REASON)
    return path.read_bytes()


def named(*names: str) -> list[Vector]:
    """Return shared vectors whose name begins with one of ``names``."""
    return [vector for vector in shared_index() if vector.name.startswith(names)]


def own(name: str) -> bytes:
    """Return the bytes of a file of this repository's corpus."""
    return (OWN / "files" / name).read_bytes()


@cache
def own_index() -> tuple[Vector, ...]:
    """Return the index of this repository's corpus."""
    return read_index(OWN / "index.json")


def verify_vector(vector: Vector, load: Callable[[str], bytes], otherwise: str) -> ListReport | SignedReport:
    """Verify a vector with the list and the key that its index names; ``otherwise`` is the list where it names none."""
    data = load(vector.name)
    if vector.kind == "tlv":
        return verify_trust_list(data, NOW)
    key = None
    if vector.decrypt_key is not None:
        path = OWN if load is own else DIRECTORY
        loaded = load_pem_private_key((path / vector.decrypt_key).read_bytes(), None)
        assert isinstance(loaded, RSAPrivateKey)
        key = loaded
    lists = (verify_trust_list(load(vector.trust_list or otherwise), NOW),)
    return verify_signed_file(data, NOW, encrypted=vector.kind == "enc.sgn", lists=lists, decrypt_key=key)


def hold(vector: Vector, findings: Findings) -> None:
    """Hold findings against what an index says of a file."""
    errors = {f.code.value for f in findings.listed if f.severity == "error"}
    warnings = {f.code.value for f in findings.listed if f.severity == "warning"}
    assert findings.total == len(findings.listed)
    if vector.verdict == "invalid":
        assert findings.invalid
        assert errors & vector.accept
        if vector.first_seen is not None:
            offset, tag = vector.first_seen
            places = {(f.offset, f.tag) for f in findings.listed}
            assert (offset, tag) in places or (tag is None and offset in {f.offset for f in findings.listed})
        return
    assert not errors
    assert vector.warn <= warnings
    if vector.verdict == "valid":
        assert warnings <= TOLERATED
    else:
        assert vector.verdict == "valid-with-warning"
        assert warnings - TOLERATED
