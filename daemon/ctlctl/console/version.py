"""`show version active` and `show version inactive` (output of 11.5 and 15)."""

import re
from dataclasses import dataclass

from ctlctl.console.text import Line, Output

_MASTER = re.compile(r"\s*(Active|Inactive) Master Version: *(\S*)\s*", re.IGNORECASE)
_OPTIONS = re.compile(r"\s*(?:Active|Inactive) Version Installed Software Options: ?(.*)", re.IGNORECASE)
_NO_OPTIONS = re.compile(r"\s*No Installed Software Options Found\.?\s*", re.IGNORECASE)
_OPTION = re.compile(r"\s*([\w.+-]{1,200}\.(?:cop|sgn|sha512|iso)(?:\.\w{1,10})*)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InstalledVersion:
    """The version of one partition.

    Attributes:
        active: True for the active partition, False for the inactive one.
        version: such as ``15.0.1.12900-234``; None where the partition holds none.
        options: installed option files; None where the output does not get to them.
        unread: lines that were not understood.
    """

    active: bool
    version: str | None
    options: tuple[str, ...] | None
    unread: tuple[Line, ...]


def parse_version(text: str) -> InstalledVersion:
    """Read the output of `show version active` or `show version inactive`.

    Raises:
        ConsoleError: the text is too large or names no master version; nothing else.
    """
    output = Output(text, "show version", "Active Master Version: or Inactive Master Version:")
    master: tuple[bool, str | None] | None = None
    options: list[str] | None = None
    for line in output.lines:
        if master is None and (found := _MASTER.fullmatch(line.text)):
            master = (found[1].lower() == "active", found[2] or None)
        elif options is None and (found := _OPTIONS.fullmatch(line.text)):
            options = []
            if found[1] and not _NO_OPTIONS.fullmatch(found[1]):
                output.leave(Line(line.number, found[1]))
        elif _NO_OPTIONS.fullmatch(line.text):
            options = options or []
        elif options is not None and (found := _OPTION.fullmatch(line.text)):
            options.append(found[1])
        else:
            output.leave(line)
    output.require(recognised=master is not None)
    active, version = master or (False, None)
    return InstalledVersion(active, version, None if options is None else tuple(options), output.unread)
