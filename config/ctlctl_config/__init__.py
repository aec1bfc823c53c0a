"""The settings of ctlctl and ctld: one TOML file, read whole and checked whole, or not at all.

>>> from pathlib import Path
>>> from ctlctl_config import SettingsError, load_settings
>>> try:
...     load_settings(Path("/nonexistent/ctld.toml"))
... except SettingsError as error:
...     print(error.problems[0].message)
there is no such file: write one (ctlctl cluster add does), or name another with --config FILE
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctlctl_config.errors import Problem, SettingsError
    from ctlctl_config.loading import load_settings, make_cluster, reference_text
    from ctlctl_config.model import (
        AxlSettings,
        ClusterSettings,
        NodePorts,
        NodeSettings,
        PhoneSettings,
        RisSettings,
        Settings,
    )
    from ctlctl_config.paths import path_to_read, path_to_write
    from ctlctl_config.secretfiles import SecretError, read_secret_file, write_secret_file
    from ctlctl_config.writing import write_cluster

# Help and completion need no pydantic, so a public name brings its module when it is asked for.
_HOMES = {
    "AxlSettings": "model",
    "ClusterSettings": "model",
    "NodePorts": "model",
    "NodeSettings": "model",
    "PhoneSettings": "model",
    "Problem": "errors",
    "RisSettings": "model",
    "Settings": "model",
    "SecretError": "secretfiles",
    "SettingsError": "errors",
    "load_settings": "loading",
    "make_cluster": "loading",
    "path_to_read": "paths",
    "path_to_write": "paths",
    "read_secret_file": "secretfiles",
    "reference_text": "loading",
    "write_cluster": "writing",
    "write_secret_file": "secretfiles",
}

__all__ = [
    "AxlSettings",
    "ClusterSettings",
    "NodePorts",
    "NodeSettings",
    "PhoneSettings",
    "Problem",
    "RisSettings",
    "SecretError",
    "Settings",
    "SettingsError",
    "load_settings",
    "make_cluster",
    "path_to_read",
    "path_to_write",
    "read_secret_file",
    "reference_text",
    "write_cluster",
    "write_secret_file",
]


def __getattr__(name: str) -> object:
    """Bring a public name from its module."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{home}"), name)
