"""What a round took goes back to the kernel; a round that took nothing costs nothing."""

import gc
import subprocess
import sys
import weakref

import pytest

from ctlctl.service.freeing import MemoryReturn, resident_bytes

MUCH = """
import gc
from ctlctl.service.freeing import MemoryReturn, resident_bytes

def garbage(count):
    for _ in range(count):
        first, second = [bytearray(1024)], [bytearray(1024)]
        first.append(second)
        second.append(first)

gc.disable()
memory = MemoryReturn()
before = resident_bytes()
garbage(32_000)
grown = resident_bytes() - before
memory.after_round()
print(grown > 48 << 20, resident_bytes() - before < 16 << 20)
"""


class Node:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.mark.skipif(resident_bytes() is None, reason="no /proc/self/statm on this system")
def test_much_garbage_leaves_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", MUCH], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_only_growth_is_worth_a_look_through_the_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([100 << 20, 103 << 20, 90 << 20, 93 << 20, 95 << 20, 95 << 20])
    monkeypatch.setattr("ctlctl.service.freeing.resident_bytes", lambda: next(sizes))
    memory = MemoryReturn()
    gc.disable()
    try:
        kept = weakref.ref(Node())
        for _ in range(3):
            memory.after_round()
            assert kept() is not None
        memory.after_round()
        assert kept() is None
    finally:
        gc.enable()
    assert next(sizes, None) is None


def test_where_nobody_tells_the_size_each_round_gives_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctlctl.service.freeing.resident_bytes", lambda: None)
    memory = MemoryReturn()
    kept = weakref.ref(Node())
    memory.after_round()
    assert kept() is None
