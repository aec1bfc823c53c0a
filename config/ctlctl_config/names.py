"""What is said of a name that the settings do not have."""

from collections.abc import Iterable
from pathlib import Path


def no_such_cluster(path: Path, name: str, known: Iterable[str]) -> str:
    """Return one sentence: that there is no such cluster, which one may be meant, and which there are.

    Args:
        path: the settings file.
        name: what was asked for.
        known: the names that the settings have, in their order.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only who misspells a name pays

    names = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), names, 1)
    meant = f" (is {names[close[0]]} meant?)" if close else ""
    return f"{path} has no cluster {name!r}{meant}; it has: {', '.join(names.values()) or 'none'}"
