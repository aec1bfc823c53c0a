"""Several processes use one lab directory: its keys are the same for all, and one lab runs in it."""

import subprocess
import sys
from pathlib import Path

from ctlctl_lab.build import WorldPlan, build_world
from ctlctl_lab.clock import ManualClock
from ctlctl_lab.dirs import LabDir, LabError
from support.labworld import BORN, born_at

_BUILD = """
import hashlib, sys
from pathlib import Path
from ctlctl_lab.build import WorldPlan, build_world
from ctlctl_lab.clock import ManualClock
from ctlctl_lab.dirs import LabDir

world = build_world(WorldPlan(phones=3, nodes=1), LabDir(Path(sys.argv[1])), ManualClock(float(sys.argv[2])))
print(hashlib.sha256(world.files.ctl + world.files.itl(world.cluster.publisher)).hexdigest())
"""
_HOLD = """
import sys
from pathlib import Path
from ctlctl_lab.dirs import LabDir

LabDir(Path(sys.argv[1])).hold()
print("held", flush=True)
sys.stdin.read()
"""


def test_processes_that_begin_at_once_have_the_same_cluster(tmp_path: Path) -> None:
    folder = born_at(tmp_path / "lab", BORN)
    command = [sys.executable, "-c", _BUILD, str(folder), str(BORN)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=100)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert len(set(printed)) == 1
    assert len(printed[0]) == 64
    # And a lab that begins there again later, too.
    world = build_world(WorldPlan(phones=3, nodes=1), LabDir(folder), ManualClock(BORN + 3600))
    assert world.counts() == {"Registered": 3}
    assert not list((folder / "keys").glob(".new-*"))


def test_a_lab_that_was_killed_leaves_its_directory_free(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    command = [sys.executable, "-c", _HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            directory = LabDir(folder)
            try:
                directory.hold()
            except LabError as error:
                assert "a lab runs in" in str(error)  # noqa: PT017 - the other outcome fails below
            else:
                raise AssertionError("two labs in one directory")
        finally:
            process.kill()
    directory.hold()
    directory.release()
