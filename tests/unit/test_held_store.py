"""Two daemons do not use one store."""

import subprocess
import sys
from pathlib import Path

import pytest

from ctlctl.service.holding import held_store
from ctlctl.store.store import StoreError

_HOLD = """
import sys, time
from pathlib import Path
from ctlctl.service.holding import held_store
with held_store(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_store_is_one_daemons_until_that_has_ended_however_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="Another ctld uses it") as caught, held_store(path):
            pass
        assert caught.value.kind == "locked"
        other.kill()
    with held_store(path), pytest.raises(StoreError), held_store(path):
        pass
    with held_store(path):
        pass


def test_a_link_in_the_place_of_the_lock_is_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "store.db.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link") as caught, held_store(tmp_path / "store.db"):
        pass
    assert caught.value.path == str(tmp_path / "store.db.lock")
    assert not (tmp_path / "elsewhere").exists()
