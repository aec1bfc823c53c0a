"""Where the settings file is when nobody says so."""

import os
from pathlib import Path
from typing import Final

SYSTEM_PATH: Final = Path("/etc/ctlctl/ctld.toml")


def _user_path() -> Path | None:
    """Return the file of the user who runs this (XDG Base Directory Specification); root has the system's."""
    if os.geteuid() == 0:
        return None
    # The specification says that a relative path is to be taken for none.
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path("~/.config").expanduser()
    return folder / "ctlctl" / "ctld.toml"


def path_to_read() -> Path:
    """Return the user's own file where there is one, else the system's."""
    user = _user_path()
    return user if user is not None and user.exists() else SYSTEM_PATH


def path_to_write() -> Path:
    """Return the file that a new cluster goes into: the one that is read, or the user's own where there is none."""
    path = path_to_read()
    return path if path.exists() else (_user_path() or SYSTEM_PATH)
