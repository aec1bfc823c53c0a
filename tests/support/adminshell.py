"""A shell that answers as CUCM's platform CLI does, from recorded answers; for a server in Python, or run by sshd.

Stands alone: sshd starts it as a program of its own, without this project's modules.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

BANNER = """Command Line Interface is starting up, please wait ...

   Welcome to the Platform Command Line Interface

VMware Installation:
\t2 vCPU: Intel(R) Xeon(R) CPU E5-2630 v3 @ 2.40GHz
\tDisk 1: 80GB, Partitions aligned
\t6144 Mbytes RAM

"""
PAGE = "\x1b[1mPress <enter> for 1 line, <space> for one page, or <q> to quit\x1b[0m"
ERASE = "\r\x1b[K"
#: Lines of a page.
PAGE_LINES = 20
WARNING = "WARNING: This operation will overwrite any CA signed certificate previously imported for  tomcat\n"
RESTART = "Please Restart the TFTP and Cisco CallManager services on all nodes in the cluster that run these services\n"
QUESTIONS = {
    "utils ctl update CTLFile": (
        "This operation updates the CTLFile. Do you want to continue? (y/n):",
        "y",
        f"Updating CTL file\nCTL file Updated\n{RESTART}",
    ),
    "set cert regen tomcat": (
        f"{WARNING}Proceed with regeneration (yes|no)? ",
        "yes",
        "Successfully Regenerated Certificate for tomcat.\n",
    ),
}


class AdminShell:
    """The conversation; where bytes come from and go to is somebody else's matter."""

    def __init__(
        self,
        answers: Mapping[str, str],
        write: Callable[[str], None],
        line: Callable[[], str | None],
        key: Callable[[], str | None],
    ) -> None:
        self.answers = answers
        self.write = write
        self.line = line
        self.key = key
        self.paging = True

    def run(self) -> None:
        self.write(BANNER)
        # A release 15 prints the prompt twice.
        self.write("admin:\n\radmin:")
        while (line := self.line()) is not None and line != "exit":
            if line.strip():
                self.answer(line.strip())
            self.write("admin:")

    def answer(self, line: str) -> None:
        if line == "set cli pagination off" and line not in self.answers:
            self.paging = False
            self.write("Automatic pagination is turned off\n")
        elif line in QUESTIONS:
            question, right, done = QUESTIONS[line]
            self.write(question)
            self.write(done if self.line() == right else "Aborted\n")
        elif line in self.answers:
            self.show(self.answers[line])
        else:
            self.write("No valid command entered\n")

    def show(self, text: str) -> None:
        lines = text.splitlines()
        for number, each in enumerate(lines, 1):
            self.write(f"{each}\n")
            if self.paging and number % PAGE_LINES == 0 and number < len(lines):
                self.write(PAGE)
                key = self.key()
                self.write(ERASE)
                if key != " ":
                    return


def main(path: str) -> None:
    """Play the shell on this program's terminal, as sshd's ForceCommand."""
    import termios  # noqa: PLC0415 - a terminal is there only now
    import tty  # noqa: PLC0415

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def line() -> str | None:
        text = sys.stdin.readline()
        return text.rstrip("\n") if text else None

    def key() -> str | None:
        before = termios.tcgetattr(0)
        # Not as it is by default: a key that came before this would be thrown away.
        tty.setcbreak(0, termios.TCSANOW)
        try:
            return sys.stdin.read(1)
        finally:
            termios.tcsetattr(0, termios.TCSANOW, before)

    answers = json.loads(Path(path).read_text())
    time.sleep(answers.pop("delay", 0))
    AdminShell(answers, write, line, key).run()


if __name__ == "__main__":
    main(sys.argv[1])
