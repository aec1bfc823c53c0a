"""What stands in the settings about the daemon itself: where it listens, what it keeps, how often it asks."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, model_validator

from ctlctl_config.base import FilePath, Host, Table, Word

_STATE: Final = Path("/var/lib/ctld")
_RUNTIME: Final = Path("/run/ctld")
_MAX_PORT: Final = 65_535


def _listen(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= _MAX_PORT:
        raise ValueError("this is no ADDRESS:PORT")
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError("an address is wanted before the port, no name") from None
    return text


def _service_directory(variable: str, default: Path) -> Path:
    """Return the directory that systemd made for the service, or where it would be."""
    given = os.environ.get(variable, "").partition(":")[0]
    return Path(given) if given.startswith("/") else default


class HttpSettings(Table):
    """Metrics and health over HTTP.

    Attributes:
        listen: address and port; port 0 takes any that is free.
        allow_remote: whether the address may be one that other machines reach.
        hosts: names that a request's Host header may have besides the address itself and localhost.
    """

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        default="127.0.0.1:9877", description="where metrics and health are served", examples=["127.0.0.1:9877"]
    )
    allow_remote: bool = Field(default=False, description="true where other machines may reach it", examples=[True])
    hosts: Annotated[tuple[Host, ...], Field(strict=False)] = Field(
        default=(), description="names by which it is asked", examples=[["ctld.example.com"]]
    )

    wanted: ClassVar[str] = "write allow_remote = true if other machines are to reach it (put TLS in front of it)"

    @property
    def address(self) -> str:
        """The address."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port."""
        return int(self.listen.rpartition(":")[2])

    @model_validator(mode="after")
    def _stay_home(self) -> Self:
        if not ip_address(self.address).is_loopback and not self.allow_remote:
            raise ValueError(f"{self.listen} can be reached from other machines")
        return self


class ApiSettings(Table):
    """The socket by which `ctlctl` asks the daemon, and what it reads where the daemon is down.

    Attributes:
        socket: path of the Unix socket.
        group: members of this group may ask; root and the daemon's own user always may.
        snapshot: directory of the snapshot.
        writers: who may have clusters changed; root always may. Names of users, or of groups behind an @.
    """

    socket: FilePath = Field(
        default_factory=lambda: _service_directory("RUNTIME_DIRECTORY", _RUNTIME) / "ctld.sock",
        description="the daemon's Unix socket",
        examples=["/run/ctld/ctld.sock"],
    )
    group: Word = Field(default="ctlctl", description="group whose members may ask", examples=["ctlctl"])
    snapshot: FilePath = Field(
        default_factory=lambda: _service_directory("STATE_DIRECTORY", _STATE) / "snapshot",
        description="directory that ctlctl reads while the daemon is down",
        examples=["/var/lib/ctld/snapshot"],
    )
    writers: Annotated[tuple[Word, ...], Field(strict=False)] = Field(
        default=(), description="users, and @groups, who may have clusters changed", examples=[["kim", "@voice-admins"]]
    )


class StoreSettings(Table):
    """Where observations and findings are kept.

    Attributes:
        path: the SQLite file.
        retention_days: how long history is kept.
    """

    path: FilePath = Field(
        default_factory=lambda: _service_directory("STATE_DIRECTORY", _STATE) / "ctld.db",
        description="file of the store",
        examples=["/var/lib/ctld/ctld.db"],
    )
    retention_days: int = Field(default=400, ge=7, le=3660, description="days that history is kept", examples=[400])


class ScheduleSettings(Table):
    """How often a cluster is asked. A first round begins at the start; later ones are spread by up to a tenth.

    Attributes:
        axl_seconds: configuration: phones, profiles, certificates.
        ris_seconds: registrations. 40,000 phones take 40 calls, which is 8 minutes at 5 a minute.
        lists_seconds: trust lists of every TFTP node.
        ports_seconds: certificates that ports present.
        phones_seconds: certificates that phones present, some at a time.
        phones_per_run: phones looked at each time; those not looked at longest come first.
        phone_rest_seconds: a phone is not looked at again before.
        services_seconds: services of every node, by Control Center.
        certificates_seconds: certificates of every node, by the certificate API.
        cli_seconds: what the platform CLI of every node says.
        tvs_seconds: whether TVS of every node knows the certificates in use.
        pages_seconds: pages of phones, some at a time as with their certificates.
        enrolments_seconds: certificates of users that ctld keeps fresh; it asks CAPF only for what is due.
    """

    axl_seconds: int = Field(default=900, ge=1, le=86_400, description="between two readings by AXL", examples=[900])
    ris_seconds: int = Field(default=900, ge=1, le=86_400, description="between two rounds of RIS", examples=[900])
    lists_seconds: int = Field(
        default=300, ge=1, le=86_400, description="between two fetches of the lists", examples=[300]
    )
    ports_seconds: int = Field(
        default=1800, ge=1, le=86_400, description="between two looks at the ports", examples=[1800]
    )
    phones_seconds: int = Field(
        default=3600, ge=1, le=86_400, description="between two looks at phones", examples=[3600]
    )
    # 40,000 phones in a day, as auditors of phone certificates advise: phones have tiny processors.
    phones_per_run: int = Field(
        default=1700, ge=1, le=40_000, description="phones looked at each time", examples=[1700]
    )
    phone_rest_seconds: int = Field(
        default=82_800, ge=0, le=864_000, description="rest of a phone between two looks", examples=[82_800]
    )
    services_seconds: int = Field(
        default=900, ge=1, le=86_400, description="between two readings of services", examples=[900]
    )
    certificates_seconds: int = Field(
        default=3600, ge=1, le=86_400, description="between two readings of certificates", examples=[3600]
    )
    # A login by SSH takes CUCM 5 to 30 s and shows up in its audit log.
    cli_seconds: int = Field(default=3600, ge=1, le=86_400, description="between two logins by SSH", examples=[3600])
    tvs_seconds: int = Field(default=3600, ge=1, le=86_400, description="between two rounds of TVS", examples=[3600])
    pages_seconds: int = Field(
        default=3600, ge=1, le=86_400, description="between two looks at pages of phones", examples=[3600]
    )
    enrolments_seconds: int = Field(
        default=3600, ge=1, le=86_400, description="between two looks at certificates of users", examples=[3600]
    )


class ThresholdSettings(Table):
    """What counts as bad.

    Attributes:
        expiring_warning_days: before its end a certificate or LSC is a warning.
        expiring_critical_days: before its end it is critical.
        lsc_expiring_days: before its end an LSC counts as expiring.
        stale_hours: age over which what a source said is stale.
        probe_trusted_days: age up to which a look at a phone counts.
        capf_stuck_hours: age over which a pending CAPF operation is stuck.
        phones_per_night: LSCs that a rollout renews in one night.
        unregistered_percent: share of phones that are not registered, over which that is a finding.
        backup_hours: age over which the last backup that succeeded is old.
    """

    expiring_warning_days: int = Field(default=90, ge=1, le=3650, description="warning before an end", examples=[90])
    expiring_critical_days: int = Field(default=21, ge=0, le=3650, description="critical before an end", examples=[21])
    lsc_expiring_days: int = Field(default=90, ge=1, le=3650, description="an LSC counts as expiring", examples=[90])
    stale_hours: float = Field(
        default=6.0, gt=0, le=720, allow_inf_nan=False, description="what was said is stale", examples=[6]
    )
    probe_trusted_days: float = Field(
        default=7.0, gt=0, le=365, allow_inf_nan=False, description="a look at a phone counts", examples=[7]
    )
    capf_stuck_hours: float = Field(
        default=24.0, gt=0, le=8760, allow_inf_nan=False, description="a pending operation is stuck", examples=[24]
    )
    # 25 phones a minute through a window of 6 hours.
    phones_per_night: int = Field(default=9000, ge=1, le=40_000, description="LSCs renewed in a night", examples=[9000])
    unregistered_percent: float = Field(
        default=10.0, gt=0, le=100, allow_inf_nan=False, description="phones not registered", examples=[10]
    )
    # Two days: a backup each night may fail once.
    backup_hours: float = Field(
        default=48.0, gt=0, le=8760, allow_inf_nan=False, description="a backup is old", examples=[48]
    )

    wanted: ClassVar[str] = "critical comes after warning: expiring_critical_days must not be more"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.expiring_critical_days > self.expiring_warning_days:
            raise ValueError("expiring_critical_days is more than expiring_warning_days")
        return self
