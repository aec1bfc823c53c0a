"""What ports of nodes and web servers of phones present. Nothing of it is believed by itself."""

from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeAlias

from ctlctl.connectors.errors import Place
from ctlctl.connectors.tls_probe import ProbeTarget, TlsProbeError, sweep
from ctlctl.inventory.values import PhoneProbe
from ctlctl.inventory.words import Fault
from ctlctl_config.model import NodeSettings, PhoneSettings
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate
from ctlctl_trust.issuing import issued_by

#: node, port, the certificate or None, why there is none.
PortRow: TypeAlias = tuple[str, str, bytes | None, Fault | None]

#: Ports that speak TLS, as settings name them.
TLS_PORTS: Final = ("https", "https_fqdn", "tomcat", "sip", "sccp", "tvs", "capf")
_NODE_SECONDS: Final = 10.0
_NODE_CONCURRENCY: Final = 32


def read_ports(cluster: str, nodes: Iterable[NodeSettings]) -> Iterator[PortRow]:
    """Look at every TLS port of every node. Blocks.

    Args:
        cluster: its name, for errors.
        nodes: its nodes in the settings.

    Yields:
        One row for each port.
    """
    targets: dict[tuple[str, str], ProbeTarget] = {}
    for node in nodes:
        for port in TLS_PORTS:
            number = getattr(node.ports, port)
            # 6971 and 6972 belong to the TFTP service.
            if number and (node.tftp or not port.startswith("https")):
                place = Place(cluster, node.name, f"{port} on port {number}")
                targets[node.name, port] = ProbeTarget(node.host, number, place)
    keys = {id(target): key for key, target in targets.items()}
    for swept in sweep(targets.values(), concurrency=_NODE_CONCURRENCY, timeout_seconds=_NODE_SECONDS):
        node_name, port = keys[id(swept.target)]
        if isinstance(swept.result, TlsProbeError):
            error = swept.result
            yield node_name, port, None, Fault(error.fault.value, error.detail, error.advice)
        else:
            yield node_name, port, swept.result.leaf, None


def read_phone_certificates(
    cluster: str,
    phones: Iterable[tuple[str, str]],
    settings: PhoneSettings,
    issuers: Iterable[bytes],
    now: datetime,
) -> Generator[tuple[str, PhoneProbe]]:
    """Look at what phones present. Blocks.

    Args:
        cluster: its name, for errors.
        phones: device name and address of each.
        settings: how phones are asked.
        issuers: certificates, DER, that may have issued what phones have.
        now: instant of the look.

    Yields:
        Device name and what was seen.
    """
    vouching = list(_readable(issuers))
    at = int(now.timestamp())
    names: dict[int, str] = {}

    def targets() -> Iterator[ProbeTarget]:
        for name, address in phones:
            place = Place(cluster, name, f"phone web on port {settings.https_port}")
            target = ProbeTarget(address, settings.https_port, place)
            names[id(target)] = name
            yield target

    swept = sweep(targets(), concurrency=settings.probe_concurrency, timeout_seconds=settings.probe_timeout_seconds)
    for one in swept:
        name = names.pop(id(one.target))
        if isinstance(one.result, TlsProbeError):
            yield name, PhoneProbe(at, fault=one.result.fault.value)
        else:
            yield name, _look(at, one.result.leaf, one.result.tls_version, vouching)


def _readable(ders: Iterable[bytes]) -> Iterator[Certificate]:
    for der in ders:
        try:
            yield read_certificate(der)
        except CertificateError:
            continue


def _look(at: int, der: bytes, tls_version: str | None, vouching: list[Certificate]) -> PhoneProbe:
    try:
        certificate = read_certificate(der)
    except CertificateError:
        # Something was presented that nobody can read: that is no certificate, and no silence either.
        return PhoneProbe(at, fault="protocol", tls_version=tls_version)
    issuer = next((one for one in vouching if issued_by(certificate, one)), None)
    return PhoneProbe(
        at=at,
        sha256=sha256(certificate.der).hexdigest(),
        subject_cn=certificate.common_name,
        issuer_cn=_common_name(certificate.issuer),
        issuer_sha256=None if issuer is None else sha256(issuer.der).hexdigest(),
        serial=f"{certificate.serial:X}",
        not_before=int(certificate.not_before.timestamp()),
        not_after=int(certificate.not_after.timestamp()),
        tls_version=tls_version,
    )


def _common_name(pairs: tuple[tuple[str, str], ...]) -> str | None:
    return next((value for kind, value in pairs if kind == "CN"), None)
