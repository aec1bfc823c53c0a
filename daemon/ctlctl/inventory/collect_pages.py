"""What phones' own pages say: which trust lists they hold, and whether they are the phones that were asked for."""

from collections.abc import Generator, Iterable

from ctlctl.connectors.phone_web import PhoneWebError, PhoneWebSettings, sweep
from ctlctl.inventory.nodevalues import PhonePage
from ctlctl_config.model import PhoneSettings


def read_pages(
    cluster: str, phones: Iterable[tuple[str, str]], settings: PhoneSettings, at: int
) -> Generator[tuple[str, PhonePage]]:
    """Read the pages of phones, each once. Blocks.

    Args:
        cluster: its name, for errors.
        phones: device name and address of each.
        settings: how phones are asked.
        at: instant of the look.

    Yields:
        Device name and what its pages say. Pages that are another device's count as a fault, "wrong-device".
    """
    for visited in sweep(phones, web_settings(cluster, settings), concurrency=settings.probe_concurrency):
        said = visited.result
        if isinstance(said, PhoneWebError):
            yield visited.name, PhonePage(at, fault=said.fault.value)
        else:
            yield (
                visited.name,
                PhonePage(
                    at=at,
                    ctl_hash=said.ctl_hash,
                    itl_hash=said.itl_hash,
                    security_mode=said.security_mode,
                    serial=said.serial,
                    load=said.load,
                ),
            )


def web_settings(cluster: str, settings: PhoneSettings) -> PhoneWebSettings:
    """Return how pages are read, for a cluster's settings."""
    return PhoneWebSettings(
        cluster=cluster,
        http_port=settings.http_port,
        https_port=settings.https_port,
        step_seconds=settings.probe_timeout_seconds,
    )
