"""What stands in the settings file. Every field says what it is and shows an example, which error messages repeat."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from ctlctl_config.base import (
    CredentialName,
    FilePath,
    Host,
    HostKey,
    NodePort,
    Port,
    Table,
    TlsTable,
    Word,
    check_timezone,
)
from ctlctl_config.daemon import ApiSettings, HttpSettings, ScheduleSettings, StoreSettings, ThresholdSettings
from ctlctl_config.enrolment import Enrolments
from ctlctl_config.errors import shown
from ctlctl_config.rollout import RolloutSettings
from ctlctl_config.secretfiles import read_credential, read_secret_file

_CLUSTER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class AccountTable(Table):
    """An account whose password lies in a file or a systemd credential."""

    password_file: FilePath | None = Field(
        default=None, description="file with the password, mode 0600", examples=["secrets/hq-axl.password"]
    )
    password_credential: CredentialName | None = Field(
        default=None, description="name of a systemd credential with the password", examples=["hq-axl"]
    )

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if (self.password_file is None) == (self.password_credential is None):
            raise ValueError("exactly one of password_file and password_credential is needed")
        return self

    def read_password(self) -> SecretStr:
        """Read the password, now.

        Raises:
            SecretError: It cannot be had, or others can read it.
        """
        if self.password_file is not None:
            return read_secret_file(self.password_file)
        return read_credential(self.password_credential or "")


class AxlSettings(TlsTable, AccountTable):
    """AXL of one cluster; RIS uses the same host, user and certificate.

    Attributes:
        host: name or address of the publisher.
        port: TCP port of its web server.
        username: an application user.
        password_file: file that holds the password, mode 0600; this or the next.
        password_credential: name of a systemd credential that holds it.
        version: of AXL, or "auto".
        timeout_seconds: for one request and its whole answer.
        writes_per_second: most changes a second.
        page_size: rows asked for at once.
    """

    host: Host = Field(description="name or address of the publisher", examples=["10.1.1.10"])
    port: Port = Field(default=8443, description="TCP port of its web server", examples=[8443])
    username: Word = Field(description="application user with the AXL roles", examples=["ctlctl-reader"])
    version: Literal["auto", "11.5", "12.5", "14.0"] = Field(
        default="auto", description="version of AXL", examples=["auto"]
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, allow_inf_nan=False, description="for one request and its answer", examples=[30]
    )
    # 1 a second to start with, and 5 at most: CUCM answers 503 when its queue of changes grows (AXL Developer Guide).
    writes_per_second: float = Field(
        default=1.0, gt=0, le=5, allow_inf_nan=False, description="changes a second, 5 at most", examples=[1.0]
    )
    page_size: int = Field(default=1000, ge=10, le=10_000, description="rows asked for at once", examples=[1000])

    wanted: ClassVar[str] = 'write tls_pin = "4F:0A:…" (or tls_ca) and password_file = "…" (or password_credential)'

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if (self.tls_pin is None) == (self.tls_ca is None):
            raise ValueError("exactly one of tls_pin and tls_ca is needed")
        return self


class RisSettings(Table):
    """RIS of one cluster.

    Attributes:
        calls_per_minute: most calls a minute. A node takes 15 from all tools together (its enterprise parameter
            Allowed Device Queries Per Minute), the operators' own included.
    """

    calls_per_minute: int = Field(default=5, ge=1, le=15, description="calls a minute, 15 at most", examples=[5])


class NodePorts(Table):
    """Ports of one node; 0 for a service that it has not."""

    tftp: NodePort = Field(default=69, description="TFTP (UDP); 0: not there", examples=[69])
    http: NodePort = Field(default=6970, description="TFTP service over HTTP; 0: not there", examples=[6970])
    https: NodePort = Field(default=6971, description="TFTP service over HTTPS; 0: not there", examples=[6971])
    https_fqdn: NodePort = Field(
        default=6972, description="the same, tomcat certificate; 0: not there", examples=[6972]
    )
    tomcat: NodePort = Field(default=8443, description="web server; 0: not there", examples=[8443])
    sip: NodePort = Field(default=5061, description="SIP over TLS; 0: not there", examples=[5061])
    sccp: NodePort = Field(default=2443, description="SCCP over TLS; 0: not there", examples=[2443])
    tvs: NodePort = Field(default=2445, description="Trust Verification Service; 0: not there", examples=[2445])
    capf: NodePort = Field(default=3804, description="CAPF; 0: not there", examples=[3804])
    ssh: NodePort = Field(default=22, description="platform CLI over SSH; 0: not there", examples=[22])


class NodeSettings(TlsTable):
    """One node.

    Attributes:
        name: as AXL's listProcessNode gives it.
        host: name or address.
        tftp: whether it serves trust lists.
        ssh_host_key: the only key by which its platform CLI may prove itself.
        ports: where its services are.
    """

    name: Word = Field(description="name of the node, as listProcessNode gives it", examples=["cucm-sub1"])
    host: Host = Field(description="name or address of the node", examples=["10.1.1.11"])
    tftp: bool = Field(default=False, description="true where the node serves trust lists", examples=[True])
    ssh_host_key: HostKey | None = Field(
        default=None, description="fingerprint of its SSH host key, as ssh-keygen -l prints it", examples=["SHA256:…"]
    )
    ports: NodePorts = Field(default=NodePorts(), description="ports that are not CUCM's own", examples=[{"sip": 0}])

    wanted: ClassVar[str] = "write either tls_pin or tls_ca"

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.tls_pin is not None and self.tls_ca is not None:
            raise ValueError("tls_pin and tls_ca do not go together")
        return self


class PhoneSettings(Table):
    """How phones are asked themselves."""

    https_port: Port = Field(default=443, description="TCP port of the phones' web server", examples=[443])
    http_port: Port = Field(default=80, description="TCP port of the phones' pages", examples=[80])
    pages: bool = Field(default=True, description="false: the pages are not read", examples=[True])
    # Phones have tiny CPUs and switches small tables: 20 at once is what auditors of certificates do.
    probe_concurrency: int = Field(default=20, ge=1, le=500, description="phones asked at the same time", examples=[20])
    probe_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, allow_inf_nan=False, description="for one phone", examples=[5]
    )


class PlatformSettings(AccountTable):
    """The OS Administration account of a cluster: the platform CLI over SSH, and the certificate API of 14 and later.

    Attributes:
        username: an OS administrator; level 1 reads certificates, level 0 does not.
        ssh: whether the platform CLI is asked.
        certificate_api: whether the certificate API is asked.
        sha1_key_exchange: whether SHA-1 key exchange and ssh-rsa host keys may be used, which 10.5 to 11.5 need.
        login_seconds: from the connection to the first prompt. CUCM takes 5 to 30 s for that.
        command_seconds: for one command that reads.
    """

    username: Word = Field(description="OS administrator", examples=["ctlctl-os"])
    ssh: bool = Field(default=True, description="false: the platform CLI is not asked", examples=[True])
    certificate_api: bool = Field(default=True, description="false: the certificate API is not asked", examples=[True])
    sha1_key_exchange: bool = Field(
        default=False, description="true for CUCM 10.5 to 11.5, which speak nothing newer", examples=[False]
    )
    login_seconds: float = Field(
        default=60.0, gt=0, le=600, allow_inf_nan=False, description="until the first prompt", examples=[60]
    )
    command_seconds: float = Field(
        default=120.0, gt=0, le=1800, allow_inf_nan=False, description="for one command", examples=[120]
    )

    wanted: ClassVar[str] = 'write password_file = "…" (or password_credential)'


class WriterSettings(AccountTable):
    """The application user by which ctld changes a cluster; it is used for nothing else, and not at all without a wish.

    Attributes:
        username: an application user with Standard AXL API Access.
    """

    username: Word = Field(description="application user that may write by AXL", examples=["ctlctl-writer"])

    wanted: ClassVar[str] = 'write password_file = "…" (or password_credential)'


class ControlCenterSettings(Table):
    """Control Center of every node; it takes the account of AXL."""

    enabled: bool = Field(default=True, description="false: services are not asked for", examples=[True])


class TvsSettings(Table):
    """The Trust Verification Service of every node."""

    enabled: bool = Field(default=True, description="false: TVS is not asked", examples=[True])


class ClusterSettings(Table):
    """One cluster.

    Attributes:
        lab: whether it is a simulated one; only then certificates of a lab are accepted.
        timezone: the cluster's, in which CUCM reads "Operation Completes By".
        axl: how AXL is reached.
        ris: how RIS is used.
        platform: the OS Administration account; None where there is none, and what needs it stays unknown.
        writer: the account by which the cluster is changed; None refuses every change.
        control_center: whether services are asked for.
        tvs: whether TVS is asked.
        nodes: its nodes.
        phones: how phones are asked.
        schedule: how often each interface is asked.
        thresholds: what counts as bad.
        rollout: how phones are given new certificates.
        enrolments: certificates of users that ctld keeps fresh.
    """

    lab: bool = Field(default=False, description="true for a simulated cluster only", examples=[True])
    timezone: Annotated[str, AfterValidator(check_timezone)] = Field(
        description="time zone of the cluster (IANA name)", examples=["Europe/Berlin"]
    )
    axl: AxlSettings = Field(description="how AXL is reached")
    ris: RisSettings = Field(default=RisSettings(), description="how RIS is used")
    platform: PlatformSettings | None = Field(default=None, description="the OS Administration account")
    writer: WriterSettings | None = Field(default=None, description="the account by which the cluster is changed")
    control_center: ControlCenterSettings = Field(
        default=ControlCenterSettings(), description="whether services are asked for"
    )
    tvs: TvsSettings = Field(default=TvsSettings(), description="whether TVS is asked")
    nodes: Annotated[tuple[NodeSettings, ...], Field(strict=False)] = Field(
        default=(), description="one table for each node"
    )
    phones: PhoneSettings = Field(default=PhoneSettings(), description="how phones are asked")
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), description="how often it is asked")
    thresholds: ThresholdSettings = Field(default=ThresholdSettings(), description="what counts as bad")
    rollout: RolloutSettings = Field(default=RolloutSettings(), description="how phones get new certificates")
    enrolments: Enrolments = Field(default=(), description="certificates of users that ctld renews")

    wanted: ClassVar[str] = "give each node a name of its own"

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [node.name for node in self.nodes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two nodes have the name {twice[0]}")
        return self


class Settings(Table):
    """Everything.

    Attributes:
        http: metrics and health.
        api: the daemon's socket, and the snapshot beside it.
        store: where observations are kept.
        clusters: by name.
    """

    http: HttpSettings = Field(default=HttpSettings(), description="metrics and health")
    api: ApiSettings = Field(default=ApiSettings(), description="the daemon's own socket")
    store: StoreSettings = Field(default=StoreSettings(), description="where observations are kept")
    clusters: Mapping[str, ClusterSettings] = Field(
        default_factory=lambda: MappingProxyType({}), description="one table for each cluster"
    )

    @field_validator("clusters", mode="after")
    @classmethod
    def _check_names(cls, clusters: Mapping[str, ClusterSettings]) -> Mapping[str, ClusterSettings]:
        for name in clusters:
            check_cluster_name(name)
        return MappingProxyType(dict(clusters))


def check_cluster_name(name: str) -> None:
    """Refuse what cannot be a cluster's name: it becomes part of file names, metrics and commands.

    Raises:
        ValueError: The text says what a name is made of.
    """
    if not _CLUSTER_NAME.fullmatch(name):
        rule = "it has 1 to 63 letters, digits, - and _, and starts with a letter or digit"
        raise ValueError(f"{shown(name)!r} is no name for a cluster: {rule}")
