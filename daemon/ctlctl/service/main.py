"""Where `ctld` starts."""

import os
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Final

import click
import structlog

from ctlctl import __version__
from ctlctl.cli.exits import end_now
from ctlctl.service.logs import FORMATS, set_up_logs
from ctlctl.terminal import prepare_streams, say
from ctlctl_config import SettingsError, load_settings
from ctlctl_config.paths import path_to_read

if TYPE_CHECKING:
    from ctlctl_config.model import Settings

#: The settings cannot be used: systemd does not start it again (RestartPreventExitStatus).
_UNUSABLE: Final = 3
#: Something else is in the way, such as a full disk or a port that is taken, and may pass.
_FAILED: Final = 1
_OWN_PLACES: Final = (
    "The settings name no places of their own, so those of the service are meant. To run it yourself write "
    'path = "ctld/ctld.db" under [store], and socket = "ctld/ctld.sock" and snapshot = "ctld/snapshot" under [api]'
)
#: Seconds between two looks at what signals have asked for; a signal itself wakes nobody who waits for a lock.
_LOOK_SECONDS: Final = 0.5


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ctld")
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="The settings file.")
@click.option("--log", "style", type=click.Choice(FORMATS), default="auto", show_default=True, help="Form of the log.")
@click.option("--debug", is_flag=True, help="Log more.")
def ctld(config: Path | None, style: str, *, debug: bool) -> None:
    """Watch the clusters in the settings file, in the foreground. SIGHUP reads the settings anew; SIGTERM ends it."""
    set_up_logs(style, debug=debug)
    path = config or path_to_read()
    try:
        settings = load_settings(path)
    except SettingsError as error:
        for line in str(error).splitlines():
            say(line, "ctld")
        sys.exit(_UNUSABLE)
    code = _run(path, settings)
    # A round that hangs in a time-out of the network would keep the interpreter from ending.
    end_now(code)


def _run(path: Path, settings: object) -> int:
    # Only now: an error in the settings is said at once, without loading a database and an HTTP server.
    from ctlctl.service.daemon import Daemon, keep_secrets_out_of_dumps  # noqa: PLC0415
    from ctlctl.service.freeing import share_arenas  # noqa: PLC0415
    from ctlctl.service.server import ServerError  # noqa: PLC0415
    from ctlctl.service.web import WebError  # noqa: PLC0415
    from ctlctl.store.store import StoreError  # noqa: PLC0415
    from ctlctl_config.model import Settings  # noqa: PLC0415

    if not isinstance(settings, Settings):
        raise TypeError("these are no settings")
    log = structlog.get_logger("ctld")
    stop, reload = Event(), Event()

    def told(number: int, _: FrameType | None) -> None:
        (reload if number == signal.SIGHUP else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, told)
    keep_secrets_out_of_dumps()
    share_arenas()
    daemon = Daemon(path, settings)
    try:
        where = daemon.start()
    except OSError as error:
        say(f"{error.filename or settings.api.snapshot}: {error.strerror or error}; see [api] snapshot", "ctld")
        return _FAILED
    except (StoreError, WebError, ServerError) as error:
        say(str(error), "ctld")
        if isinstance(error, StoreError) and _means_the_service(settings):
            say(_OWN_PLACES, "ctld")
        return _FAILED
    log.info("started", version=__version__, http=where.http, socket=str(where.socket), clusters=len(settings.clusters))
    while not stop.wait(_LOOK_SECONDS):
        if reload.is_set():
            reload.clear()
            daemon.reload()
    log.info("stopping")
    daemon.stop()
    return 0


def _means_the_service(settings: "Settings") -> bool:
    """Tell whether somebody starts ctld by hand, and the settings leave its places to the service."""
    return os.geteuid() != 0 and "STATE_DIRECTORY" not in os.environ and "path" not in settings.store.model_fields_set


def main() -> None:
    """Run the daemon and exit with its code."""
    prepare_streams()
    ctld(prog_name="ctld")


if __name__ == "__main__":
    main()
