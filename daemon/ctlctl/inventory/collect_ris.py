"""Where RIS says the phones are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ctlctl.connectors.ris_ports import Httpd, RegistrationStatus
from ctlctl.inventory.values import Registration

if TYPE_CHECKING:
    from ctlctl.connectors.ris_ports import RegistrationReader, RisDevice

#: RIS tells of a device once for each node that ever knew it; the best of what they say is what counts.
_ORDER: Final = {
    RegistrationStatus.REGISTERED.value: 0,
    RegistrationStatus.PARTIALLY_REGISTERED.value: 1,
    RegistrationStatus.REJECTED.value: 2,
    RegistrationStatus.UNREGISTERED.value: 3,
}
_NOWHERE: Final = Registration("Unknown", None, None, "", None, None, "")


@dataclass(frozen=True, slots=True)
class RisReading:
    """What a round gave.

    Attributes:
        registrations: by device name; for each that was asked where every node answered.
        silent_nodes: nodes that did not answer; phones that nobody knows may be there.
    """

    registrations: Mapping[str, Registration]
    silent_nodes: tuple[str, ...]


def read_registrations(ris: "RegistrationReader", names: Iterable[str]) -> RisReading:
    """Ask for phones by name.

    Args:
        ris: RIS of the cluster.
        names: device names.

    Raises:
        RisError: a call brought no usable answer.
    """
    found: dict[str, Registration] = {}
    silent: set[str] = set()
    for batch in ris.devices(names):
        silent.update(node.name for node in batch.failed_nodes)
        for device in batch.devices:
            said = _registration(device)
            known = found.get(device.name)
            if known is None or _rank(said) < _rank(known):
                found[device.name] = said
        if batch.is_complete:
            for name in batch.asked:
                found.setdefault(name, _NOWHERE)
    return RisReading(found, tuple(sorted(silent)))


def _rank(registration: Registration) -> tuple[int, int]:
    # Of two nodes that say the same, the one with the newer word is right: phones move.
    return _ORDER.get(registration.status, 9), -(registration.changed_at or 0)


def _registration(device: "RisDevice") -> Registration:
    httpd = {Httpd.YES: True, Httpd.NO: False}.get(device.httpd) if isinstance(device.httpd, Httpd) else None
    return Registration(
        status="Unknown" if device.status is None else str.__str__(device.status),
        reason=device.status_reason,
        changed_at=device.changed_at,
        node=device.node,
        address=next(iter(device.addresses), None),
        httpd=httpd,
        load=device.active_load,
    )
