"""`utils service list`, and what `utils service start|stop|restart` prints while it polls.

Lines are ``Name[STATE]``, with a blank before the bracket on some releases and a note behind it on all
(``Service Not Activated``). Sources: transcripts of the same platform (HCM-F, IM and Presence) in Cisco documents.
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import Line, Output, whole

_ROW = re.compile(r"([^\[\]]+)\[([A-Z][A-Z _-]{2,30})\]\s*(.*)")
_RETURN = re.compile(r"\s*>> Return code = (-?[0-9]{1,9})\s*")
_PRIMARY = re.compile(r"\s*Primary Node ?= ?(true|false)\s*", re.IGNORECASE)
_MANAGER = re.compile(r"\s*Service Manager is (not )?running\.?\s*", re.IGNORECASE)
_SAID = re.compile(
    r"\s*(?:Requesting service status, please wait\.*|Getting list of all services\.*"
    r"|(?:Do not|Don't) press Ctrl\+C\b.*)\s*",
    re.IGNORECASE,
)
_NOT_ACTIVATED = "service not activated"


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service as printed.

    Attributes:
        name: its name, as `utils service restart` takes it.
        state: the word in brackets, such as ``STARTED``, ``STOPPED``, ``STARTING``.
        note: the words behind it; empty where there are none.
        line: number of its line.
    """

    name: str
    state: str
    note: str
    line: int

    @property
    def activated(self) -> bool | None:
        """Whether it is activated; None for a stopped one without a note, which may be either."""
        if self.note.casefold().rstrip(".") == _NOT_ACTIVATED:
            return False
        return True if self.state in ("STARTED", "STARTING", "STOPPING") else None


@dataclass(frozen=True, slots=True)
class ServiceOutput:
    """What `utils service` printed.

    Attributes:
        rows: every row in order; while a service restarts its row repeats.
        manager_running: what is said of the Service Manager, or None.
        return_code: the code printed, or None.
        primary: whether this is the primary node, or None.
        unread: lines that were not understood.
    """

    rows: tuple[ServiceRow, ...]
    manager_running: bool | None
    return_code: int | None
    primary: bool | None
    unread: tuple[Line, ...]

    @property
    def last(self) -> dict[str, ServiceRow]:
        """The last row of each service by its name, in the order first seen."""
        return {row.name: row for row in self.rows}


def parse_service(text: str) -> ServiceOutput:
    """Read the output of `utils service list` or of a start, stop or restart.

    Raises:
        ConsoleError: the text is too large or shows no service; nothing else.
    """
    output = Output(text, "utils service", "a service such as Name[STARTED]")
    rows: list[ServiceRow] = []
    manager: bool | None = None
    code: int | None = None
    primary: bool | None = None
    for line in output.lines:
        if row := _ROW.fullmatch(line.text.strip()):
            rows.append(ServiceRow(row[1].rstrip(), row[2], row[3], line.number))
        elif said := _MANAGER.fullmatch(line.text):
            manager = not said[1]
        elif said := _RETURN.fullmatch(line.text):
            number = whole(said[1].lstrip("-"))
            code = -number if number is not None and said[1].startswith("-") else number
        elif said := _PRIMARY.fullmatch(line.text):
            primary = said[1].lower() == "true"
        elif not _SAID.fullmatch(line.text):
            output.leave(line)
    output.require(recognised=bool(rows))
    return ServiceOutput(tuple(rows), manager, code, primary, output.unread)
