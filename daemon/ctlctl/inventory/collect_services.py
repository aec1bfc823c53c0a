"""How the services of every node are, as each node's Control Center tells."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ctlctl.inventory.each_node import each_node, web_nodes
from ctlctl.inventory.readings import ServiceReading, ServiceRow
from ctlctl_config.model import NodeSettings

if TYPE_CHECKING:
    from ctlctl.connectors.control_center_ports import ServiceReader, ServiceStatus

#: How CUCM writes an instant, in the node's local time: that of C's asctime.
_STARTED: Final = "%a %b %d %H:%M:%S %Y"
#: Seconds. Every time zone in use differs from UTC by a multiple of that.
_ZONE_STEP: Final = 15 * 60
#: Seconds between the farthest time zones and UTC, and a day's change of the clocks.
_FARTHEST_ZONE: Final = 15 * 3600


def read_services(
    nodes: Iterable[NodeSettings],
    open_client: "Callable[[NodeSettings], ServiceReader]",
    *,
    left_out: Iterable[str] = (),
    now: Callable[[], float] = time.time,
) -> Iterator[ServiceRow]:
    """Ask every node for its services. Blocks.

    Args:
        nodes: the cluster's nodes in the settings; those without a web server are not asked.
        open_client: opens Control Center of a node; raises ConnectorError.
        left_out: names of nodes that are not asked, such as those of IM and Presence.
        now: seconds since 1970, when an answer came.

    Yields:
        One row for each node that is asked: its services, or why there are none.
    """

    def ask(node: NodeSettings) -> tuple[ServiceReading, ...]:
        client = open_client(node)
        try:
            found = client.services()
        finally:
            client.close()
        at = now()
        return tuple(_reading(one, at) for one in found)

    yield from each_node(web_nodes(nodes, left_out), ask)


def _reading(service: "ServiceStatus", now: float) -> ServiceReading:
    return ServiceReading(
        name=service.name,
        status="Unknown" if service.state is None else str.__str__(service.state),
        activated=service.activated,
        started_at=started_at(service.start_time, service.up_seconds, now),
    )


def started_at(start_time: str, up_seconds: int | None, now: float) -> int | None:
    """Work out when a service was started.

    The node says how long the service has run, to the second of its answer, and when it began, in its own time zone,
    which it does not name. The first alone would give another instant with every answer; together they give the same
    one each time, whatever the zone.

    Args:
        start_time: such as "Mon Nov 23 08:15:00 2026"; "" for none.
        up_seconds: how long it has run; None for not told.
        now: seconds since 1970, when that was said.

    Returns:
        Seconds since 1970; None where the node does not tell how long it has run.
    """
    if up_seconds is None or up_seconds > now:
        return None
    about = now - up_seconds
    try:
        said = datetime.strptime(start_time, _STARTED).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return int(about)
    zone = round((said - about) / _ZONE_STEP) * _ZONE_STEP
    return int(said - zone) if abs(zone) <= _FARTHEST_ZONE else int(about)
