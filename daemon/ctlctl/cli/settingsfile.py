"""Which settings file a command uses: --config, or where one is looked for."""

from pathlib import Path

import click


class SettingsFile:
    """What `--config` said, if anything; the rest is found out when a command needs it."""

    def __init__(self, given: str | None = None) -> None:
        self._given = given

    def to_read(self) -> Path:
        """Return the file to read."""
        from ctlctl_config.paths import path_to_read  # noqa: PLC0415 - most commands have no settings

        return path_to_read() if self._given is None else Path(self._given)

    def to_write(self) -> Path:
        """Return the file that something is added to."""
        from ctlctl_config.paths import path_to_write  # noqa: PLC0415 - see above

        return path_to_write() if self._given is None else Path(self._given)


pass_settings_file = click.make_pass_decorator(SettingsFile, ensure=True)
