"""Orders for CAPF of a running lab, and what became of them."""

import time
from collections.abc import Callable

from ctlctl_capf import Credential, signer
from ctlctl_lab.life import Timing
from ctlctl_lab.model import (
    BY_NULL,
    INSTALL,
    NO_OPERATION,
    STATUS_PENDING,
    CapfProfile,
    CapfState,
    Phone,
)
from ctlctl_lab.model import Credential as Held
from ctlctl_lab.run import RunningLab
from ctlctl_lab.switches import turn_off

STRING = "71342"
PENDING = (INSTALL, STATUS_PENDING)


def mend(lab: RunningLab) -> None:
    """Make a lab as healthy as before, once a test is over, and hold that nothing of it broke."""
    world = lab.world
    turn_off(world)
    world.cluster.publisher.stopped.clear()
    world.cluster.stale_lscs.clear()
    world.timing = Timing()
    lab.services.capf.most_sessions = 300
    for phone in world.cluster.phones.values():
        world.order_capf(phone.name, NO_OPERATION)
        phone.capf.certificate_status = "None"
    for profile in world.cluster.application_user_profiles.values():
        profile.capf = CapfState()
    wait(lambda: lab.services.capf.connections == 0)
    assert not lab.broken


def wait(done: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def host(lab: RunningLab) -> str:
    """Return where CAPF is."""
    return lab.world.cluster.publisher.address


def phone_where(lab: RunningLab, wanted: Callable[[Phone], bool]) -> Phone:
    """Return the first phone of a kind."""
    return next(phone for phone in lab.world.cluster.phones.values() if wanted(phone))


def order(lab: RunningLab, phone: Phone, mode: str = BY_NULL, operation: str = INSTALL, string: str = "") -> None:
    """Order something for one phone; its security profile gets the mode, and RSA-2048."""
    profile = lab.world.cluster.profiles[phone.profile]
    profile.authentication_mode, profile.key_order, profile.ec_key_size, profile.key_size = mode, "RSA Only", None, 2048
    lab.world.order_capf(phone.name, operation, "", string)


def proof(lab: RunningLab, phone: Phone, held: Held | None) -> Credential:
    """Return a phone's own certificate and the means to sign with its key."""
    assert held is not None
    pki = lab.world.pki
    return Credential(pki.phone_certificate(phone.certificate_name, held), signer(pki.phone_key(held.key)))


def status(target: Phone | CapfProfile) -> tuple[str, str]:
    """Return operation and status, as AXL has them."""
    return target.capf.operation, target.capf.certificate_status


def ended(words: str) -> tuple[str, str]:
    """Return what `status` gives after an operation ended so."""
    return NO_OPERATION, words
