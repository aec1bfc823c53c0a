"""`ctlctl config check` and `ctlctl store`: looking after the daemon's own things."""

from pathlib import Path

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file
from ctlctl.terminal import say

_UNDECIDED = 3


@click.group()
def config() -> None:
    """Check the settings."""


@config.command("check")
@pass_settings_file
@click.pass_context
def config_check(context: click.Context, settings: SettingsFile) -> None:
    """Say what is wrong with the settings file: 0 nothing, 1 something."""
    context.exit(guarded(lambda: _check(settings.to_read())))


def _check(path: Path) -> int:
    from ctlctl_config import SecretError, SettingsError, load_settings  # noqa: PLC0415 - only who runs it pays

    try:
        found = load_settings(path)
    except SettingsError as error:
        for line in str(error).splitlines():
            print(line)
        return 1
    broken = False
    for name, cluster in found.clusters.items():
        if cluster.axl.password_file is None:
            # Only a service that systemd starts has its credentials.
            say(f"{name}: the password is a credential of systemd, which cannot be looked at from here")
            continue
        try:
            cluster.axl.read_password()
        except SecretError as error:
            print(f"{name}: {error}")
            broken = True
    if not broken:
        count = len(found.clusters)
        say(f"{path}: good; {count} cluster{'' if count == 1 else 's'}")
    return int(broken)


@click.group()
def store() -> None:
    """Look after the daemon's store."""


@store.command("migrate")
@pass_settings_file
@click.pass_context
def store_migrate(context: click.Context, settings: SettingsFile) -> None:
    """Bring the store to this version's schema; ctld does so by itself at its start."""

    def work() -> int:
        from ctlctl.store.store import Store, StoreError  # noqa: PLC0415 - see above

        path = _store_path(settings)
        if path is None:
            return _UNDECIDED
        try:
            opened = Store.open(path)
        except StoreError as error:
            say(str(error))
            return _UNDECIDED
        print(f"{path}: schema {opened.schema_version()}")
        opened.close()
        return 0

    context.exit(guarded(work))


@store.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@pass_settings_file
@click.pass_context
def store_backup(context: click.Context, settings: SettingsFile, target: Path) -> None:
    """Copy the store to a new file, whole, while ctld goes on."""

    def work() -> int:
        from ctlctl.store.store import Store, StoreError  # noqa: PLC0415 - see above

        path = _store_path(settings)
        if path is None:
            return _UNDECIDED
        if not path.exists():
            say(f"{path}: there is no store yet; ctld makes it at its first start")
            return _UNDECIDED
        try:
            opened = Store.open(path, migrate=False)
            try:
                opened.backup(target)
            finally:
                opened.close()
        except StoreError as error:
            say(str(error))
            return _UNDECIDED
        print(f"{target}: {target.stat().st_size:,} B")
        return 0

    context.exit(guarded(work))


def _store_path(settings: SettingsFile) -> Path | None:
    from ctlctl_config import SettingsError, load_settings  # noqa: PLC0415 - see above

    try:
        return load_settings(settings.to_read()).store.path
    except SettingsError as error:
        for line in str(error).splitlines():
            say(line)
        return None
