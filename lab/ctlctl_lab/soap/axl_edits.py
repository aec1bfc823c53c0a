"""What AXL writes do to the cluster's records. Phones that are set in motion are the world's business."""

import re
from dataclasses import dataclass
from typing import Final

from ctlctl_lab.model import (
    NO_OPERATION,
    STATUS_PENDING,
    CapfState,
    Phone,
)
from ctlctl_lab.soap.axl_faults import AxlFault, bad_request
from ctlctl_lab.soap.axl_words import AUTHENTICATION_MODES, EC_KEY_SIZES, KEY_ORDERS, KEY_SIZES, OPERATIONS
from ctlctl_lab.soap.ports import LabWorld

#: "Operation Completes By"; for end users the schema asks for four parts, and five are taken too.
_FINISH_TIME: Final = re.compile(r"\d{4}:\d{1,2}:\d{1,2}:\d{1,2}(:\d{1,2})?")
_STRING: Final = re.compile(r"\d{4,10}")


@dataclass(slots=True)
class CapfEdit:
    """What to change of a CAPF operation; None leaves a thing as it is."""

    operation: str | None = None
    finish_time: str | None = None
    authentication_string: str | None = None
    certificate_status: str | None = None
    authentication_mode: str | None = None
    key_size: str | None = None
    key_order: str | None = None
    ec_key_size: str | None = None


@dataclass(slots=True)
class PhoneEdit(CapfEdit):
    """What to change of a phone; ``tags`` are the elements that the change queue will name."""

    description: str | None = None
    device_pool: str | None = None
    profile: str | None = None
    tags: tuple[str, ...] = ()


def edit_phone(world: LabWorld, phone: Phone, edit: PhoneEdit) -> None:
    """Change a phone's record. Use it under `Cluster.lock`.

    The phone knows nothing of it before it is applied or reset. Its authentication mode and key sizes stay those of the
    security profile: that is where the database has them.
    """
    if edit.description is not None:
        phone.description = edit.description
    if edit.device_pool is not None:
        phone.device_pool = edit.device_pool
    if edit.profile is not None:
        phone.profile = edit.profile
    edit_capf(phone.capf, edit)
    world.cluster.changes.record("Phone", "u", phone.pkid, *edit.tags)


def edit_capf(capf: CapfState, edit: CapfEdit) -> None:
    """Change operation, status, time and string of a CAPF operation."""
    if edit.operation is not None:
        if edit.operation == NO_OPERATION:
            # What belongs to an operation goes with it; the status of the last one stays.
            capf.finish_time = capf.authentication_string = ""
            if capf.certificate_status == STATUS_PENDING:
                capf.certificate_status = "None"
        else:
            capf.certificate_status = STATUS_PENDING
        capf.operation = edit.operation
        capf.broken = 0
    if edit.finish_time is not None:
        capf.finish_time = edit.finish_time
    if edit.authentication_string is not None:
        capf.authentication_string = edit.authentication_string
    if edit.certificate_status is not None:
        capf.certificate_status = edit.certificate_status


def check_capf(edit: CapfEdit, operation: str, *, adding: bool = False) -> None:
    """Check an edit against the words of the enumerations, and against what is read-only.

    AXL's schema says of time, string, mode and keys: read only while the operation is "No Pending Operation".

    Args:
        edit: what is to be changed.
        operation: the operation as it is now.
        adding: whether it is a new profile, for which the schema demands mode and key size in any case.

    Raises:
        AxlFault: a wrong word, or something that is read-only.
    """
    _one_of("certificateOperation", edit.operation, OPERATIONS)
    _one_of("authenticationMode", edit.authentication_mode, AUTHENTICATION_MODES)
    _one_of("keySize", edit.key_size, KEY_SIZES)
    _one_of("keyOrder", edit.key_order, KEY_ORDERS)
    _one_of("ecKeySize", edit.ec_key_size, (*EC_KEY_SIZES, ""))
    if edit.finish_time and _FINISH_TIME.fullmatch(edit.finish_time) is None:
        raise bad_request("the time must be YYYY:MM:DD:HH:MM")
    if edit.authentication_string and _STRING.fullmatch(edit.authentication_string) is None:
        raise bad_request("the authentication string must be 4 to 10 digits")
    if (edit.operation or operation) != NO_OPERATION:
        return
    held = [edit.finish_time, edit.authentication_string]
    if not adding:
        held += [edit.authentication_mode, edit.key_size, edit.key_order, edit.ec_key_size]
    if any(held):
        raise read_only()


def read_only() -> AxlFault:
    """Return the fault of changing what is read-only without an operation."""
    return bad_request("CAPF settings are read only when certificateOperation is 'No Pending Operation'")


def _one_of(name: str, word: str | None, words: tuple[str, ...]) -> None:
    if word is not None and word not in words:
        raise bad_request(f"{word!r} is no {name}")
