"""What the writing commands print: `utils ctl set-cluster|update` and `file delete tftp`.

A success is a sentence and nothing else: the shell has no exit codes. Transcripts: Cisco document 118893 (10.5) and a
newer endpoint guide, which ask for different restarts.
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import Line, Mismatch, Output

_QUESTION = re.compile(r"\s*(This operation .{1,400}\?) ?\(y/n\) ?:? ?([A-Za-z]{0,3})\s*", re.IGNORECASE)
_DELETE = re.compile(r"\s*(Delete the File .{1,200}\?|Enter \"y\" followed by return to continue:) ?([A-Za-z]{0,3})\s*")
_BEGUN = re.compile(r"\s*(?:Moving Cluster to (?:Mixed|Non Secure) Mode|Updating CTL file)\.*\s*", re.IGNORECASE)
_MODE = re.compile(r"\s*Cluster set to (Mixed|Non Secure) Mode\.?\s*", re.IGNORECASE)
_UPDATED = re.compile(r"\s*CTL file Updated\.?\s*", re.IGNORECASE)
_DO = re.compile(r"\s*((?:Please Restart|You must (?:restart|reset)) .{1,400})", re.IGNORECASE)
_FILES = re.compile(r"\s*files: found = ([0-9]{1,9}), deleted = ([0-9]{1,9})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChangeOutput:
    """What a writing command printed.

    Attributes:
        questions: (question, answer) pairs; the answer is empty where none was echoed.
        mixed_mode: the mode that the cluster was set to, or None where no success was printed.
        updated: True when the CTL file was updated.
        files_found: files that were found to delete, or None.
        files_deleted: files that were deleted, or None.
        to_do: the sentences that ask for restarts and resets.
        unread: lines that were not understood.
        mismatches: files that were found and not deleted.
    """

    questions: tuple[tuple[str, str], ...]
    mixed_mode: bool | None
    updated: bool
    files_found: int | None
    files_deleted: int | None
    to_do: tuple[str, ...]
    unread: tuple[Line, ...]
    mismatches: tuple[Mismatch, ...]


def parse_change(text: str, command: str = "utils ctl") -> ChangeOutput:
    """Read the output of `utils ctl set-cluster`, `utils ctl update CTLFile` or `file delete tftp`.

    Args:
        text: the output of one command.
        command: its fixed words.

    Raises:
        ConsoleError: the text is too large or is no such answer; nothing else.
    """
    output = Output(text, command, "the question or the result of a change")
    reader = _Reader()
    recognised = output.each(reader.take)
    output.require(recognised=recognised)
    found, deleted = reader.files[:2] if reader.files else (None, None)
    left = reader.files is not None and found != deleted
    mismatches = (Mismatch(reader.files[2], "files found", *reader.files[:2]),) if left and reader.files else ()
    return ChangeOutput(
        tuple(reader.questions),
        reader.mixed,
        reader.updated,
        found,
        deleted,
        tuple(reader.to_do),
        output.unread,
        mismatches,
    )


class _Reader:
    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []
        self.mixed: bool | None = None
        self.updated = False
        self.files: tuple[int, int, int] | None = None
        self.to_do: list[str] = []

    def take(self, line: Line) -> bool:
        text = line.text
        if found := _QUESTION.fullmatch(text) or _DELETE.fullmatch(text):
            self.questions.append((found[1], found[2]))
        elif found := _MODE.fullmatch(text):
            self.mixed = found[1].lower() == "mixed"
        elif _UPDATED.fullmatch(text):
            self.updated = True
        elif found := _FILES.fullmatch(text):
            self.files = self.files or (int(found[1]), int(found[2]), line.number)
        elif found := _DO.fullmatch(text):
            self.to_do.append(found[1])
        else:
            return _BEGUN.fullmatch(text) is not None
        return True
