"""A large inventory takes little memory: the lab is in one process, the reader in another, and its peak is measured."""

import json
import subprocess
import sys

import pytest

from support.soap_lab import FarLab, far_lab, unmeasured

PHONES = 40_000
# The whole list is kept, which a reader who goes through it page by page need not do.
MOST_GROWTH = 64 * 1024 * 1024

READER = """
import json, sys
from pathlib import Path
from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_ports import AxlSettings
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.secret import Secret

def peak():
    # Not getrusage: its maximum is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])

port, pin, user, password = sys.argv[1:]
tls = TlsTrust(sha256_pin=bytes.fromhex(pin))
settings = AxlSettings(
    cluster="lab", host="127.0.0.1", port=int(port), username=user, password=Secret(password), tls=tls
)
with AxlClient(settings) as client:
    client.version()
    before = peak()
    passing = sum(1 for _ in client.phones())
    while_passing = peak() - before
    kept = list(client.phones())
    while_keeping = peak() - before
    lscs = sum(phone.lsc_valid_until is not None for phone in kept)
    json.dump([passing, len(kept), lscs, while_passing, while_keeping], sys.stdout)
"""


def read_inventory(lab: FarLab) -> tuple[int, int, int, int, int]:
    command = [sys.executable, "-c", READER, str(lab.port), lab.pin.hex(), *lab.login]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env=unmeasured())
    passing, kept, lscs, while_passing, while_keeping = json.loads(done.stdout)
    return passing, kept, lscs, while_passing, while_keeping


@pytest.mark.timeout(400)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from Linux's /proc")
def test_forty_thousand_phones_are_read_in_little_memory() -> None:
    with far_lab(PHONES) as lab:
        passing, kept, lscs, while_passing, while_keeping = read_inventory(lab)
    assert (passing, kept) == (PHONES, PHONES)
    assert lscs == PHONES // 4
    sys.stdout.write(f"growth: {while_passing / 2**20:.1f} MiB page by page, {while_keeping / 2**20:.1f} MiB kept\n")
    assert while_passing <= while_keeping < MOST_GROWTH, (while_passing, while_keeping)
