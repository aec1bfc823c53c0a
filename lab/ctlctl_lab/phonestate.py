"""One phone: what the cluster has on record of it, and what it holds itself."""

from dataclasses import dataclass, field

from ctlctl_lab.identity import Credential
from ctlctl_lab.names import NO_OPERATION, STATUS_NONE, STATUS_PENDING, UNKNOWN
from ctlctl_lab.phonemodels import MODELS, PhoneModel
from ctlctl_lab.trustheld import HeldList


@dataclass(slots=True, eq=False)
class CapfState:
    """What CAPF is to do with one phone, and what became of it.

    Attributes:
        operation: XCertificateOperation.
        certificate_status: XCertificateStatus.
        finish_time: "Operation Completes By", ``YYYY:MM:DD:HH:MM`` in the cluster's time zone (UTC here), or "".
        authentication_string: the string that must be typed in, or "".
        broken: sessions that broke off since the operation was ordered.
    """

    operation: str = NO_OPERATION
    certificate_status: str = STATUS_NONE
    finish_time: str = ""
    authentication_string: str = field(default="", repr=False)
    broken: int = 0

    @property
    def status(self) -> str:
        """The same as ``certificate_status``."""
        return self.certificate_status

    @property
    def pending(self) -> bool:
        """Whether the phone is to do something at its next reset."""
        return self.operation != NO_OPERATION and self.certificate_status == STATUS_PENDING


@dataclass(slots=True, eq=False)
class Phone:
    """A phone, seen from both sides: what the cluster has on record of it, and what it holds itself.

    Attributes:
        index: its number in the lab, from 0.
        pkid: identifier.
        name: "SEP" and twelve hexadecimal digits.
        address: 127.x.y.z; its HTTPS page answers there.
        model: key of `MODELS`.
        protocol: "SIP" or "SCCP".
        description: for people.
        device_pool: name of its device pool.
        profile: name of its security profile.
        mic: factory certificate, or None.
        lsc: locally significant certificate, or None.
        capf: CAPF operation and status.
        status: RIS Status.
        status_reason: RIS StatusReason.
        status_time: instant of the last change of status.
        node: name of the node it is, or was last, registered with; "" when never.
        httpd: whether its web server is on.
        load: active firmware.
        lsc_valid_until: as the database has it; 0 for none known.
        lsc_issuer_name: as the database has it, or None.
        lsc_issuer_valid_until: as the database has it; 0 for none known.
        ctl: the CTL it holds, or None.
        itl: the ITL it holds, or None.
        message: its newest status message, "" for none.
        typed: what a person typed as authentication string, or "".
        epoch: counts its resets; an event of an older life is void.
        powered: whether it has power; without, it does nothing at all.
        busy: whether it is on its way: starting, at CAPF, or about to register.
        tries: how often it has gone to CAPF since it started.
    """

    index: int
    pkid: str
    name: str
    address: str
    model: str
    protocol: str
    description: str
    device_pool: str
    profile: str
    mic: Credential | None
    lsc: Credential | None
    capf: CapfState
    load: str
    status: str = UNKNOWN
    status_reason: int = 0
    status_time: int = 0
    node: str = ""
    httpd: bool = True
    lsc_valid_until: int = 0
    lsc_issuer_name: str | None = None
    lsc_issuer_valid_until: int = 0
    ctl: HeldList | None = None
    itl: HeldList | None = None
    message: str = ""
    typed: str = field(default="", repr=False)
    epoch: int = 0
    powered: bool = True
    busy: bool = False
    tries: int = 0

    @property
    def kind(self) -> PhoneModel:
        """What there is to know of its model."""
        return MODELS[self.model]

    @property
    def product(self) -> str:
        """The product's name; the same as the model's for every phone of the lab."""
        return self.model

    @property
    def extension(self) -> str:
        """Its directory number."""
        return str(10000 + self.index)

    @property
    def certificate_name(self) -> str:
        """CN of its certificates."""
        return f"{self.kind.short}-{self.name}"

    @property
    def credential(self) -> Credential | None:
        """What it shows in TLS: the LSC when there is one, else the MIC."""
        return self.lsc or self.mic
