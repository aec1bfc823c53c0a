"""Draws docs/images/*.svg from what the commands really print on a terminal; run after `make demo-lists`."""

import io
import os
import pty
import re
import subprocess
from pathlib import Path

from rich.console import Console
from rich.text import Text

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


def main() -> None:
    """Write one picture for each command."""
    for name, command in SHOTS.items():
        console = Console(record=True, width=WIDTH, file=io.StringIO())
        console.print(Text(f"$ {' '.join(command)}", style="bold"))
        console.print(Text.from_ansi(on_a_terminal(command)))
        svg = console.export_svg(title="ctlctl")
        # Fonts of the reader's machine will do: a picture in a README fetches nothing.
        svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
        Path("docs/images", f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
