"""Draws docs/images/*.svg from what the commands really print on a terminal; run after `make demo-lists`."""

import io
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

from rich.console import Console
from rich.text import Text

import demo_watch as demo

WIDTH = 84
SHOTS = {
    "verify": ["ctlctl", "verify", "demo-lists/CTLFile.tlv", "--trust-anchor", "demo-lists/keys/ITLRecovery.pem"],
    "continuity": ["ctlctl", "verify", "demo-lists/bad/other-cluster.tlv", "--previous", "demo-lists/CTLFile.tlv"],
}


def on_a_terminal(command: list[str]) -> str:
    """Return what a command writes when its output is a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(command, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm"}) as running:
        os.close(follower)
        chunks = []
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            chunks.append(chunk)
        running.wait()
    os.close(leader)
    return b"".join(chunks).decode().replace("\r\n", "\n")


def draw(name: str, shown: str, command: list[str]) -> None:
    """Write one picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ {shown}", style="bold"))
    console.print(Text.from_ansi(on_a_terminal(command)))
    svg = console.export_svg(title="ctlctl")
    # Fonts of the reader's machine will do: a picture in a README fetches nothing.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    Path("docs/images", f"{name}.svg").write_text(svg, encoding="utf-8")


def draw_status() -> None:
    """Draw what ctld shows of a lab, on a good day and on a bad one."""
    shutil.rmtree(demo.DEMO, ignore_errors=True)
    demo.DEMO.mkdir()
    lab_log, daemon_log = demo.DEMO / "lab.log", demo.DEMO / "ctld.log"
    status = ["ctlctl", "--config", str(demo.SETTINGS), "status"]
    with demo.program("ctlctl", "lab", "up", "--dir", demo.DEMO / "lab", log=lab_log) as lab:
        demo.wait_for("the lab", lab, lab_log, lambda: "\nready" in lab_log.read_text())
        with demo.program("ctld", "--config", demo.SETTINGS, log=daemon_log) as daemon:
            demo.wait_for("ctld", daemon, daemon_log, lambda: demo.get("/readyz").startswith("ready"))
            demo.ctlctl("cluster", "refresh", "lab", show=False)
            draw("status-healthy", "ctlctl status", status)
            demo.lab("renew", "CallManager")
            demo.ctlctl("cluster", "refresh", "lab", show=False)
            draw("status-stale", "ctlctl status", status)


def main() -> None:
    """Draw every picture."""
    for name, command in SHOTS.items():
        draw(name, " ".join(command), command)
    draw_status()


if __name__ == "__main__":
    main()
