"""From the settings of a cluster to what connectors take; the one place that decides whom a cluster trusts."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from ctlctl.cluster.labcheck import ADVICE, REFUSAL, is_lab, is_lab_der
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.tls_identity import verify_identity
from ctlctl.connectors.tls_probe import Presented, probe
from ctlctl.verify.loading import read_certificates
from ctlctl_config.model import AxlSettings, ClusterSettings, NodeSettings
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate

#: Bytes; a file of CA certificates of a whole operating system has a quarter.
_MAX_CA_BYTES: Final = 4 * 1024 * 1024
#: How long before its end a certificate is said to end soon; Cisco's own expiry monitor begins at 90 days.
ENDS_SOON: Final = timedelta(days=90)


class AccessError(ConnectorError):
    """A cluster's settings name somebody who is not to be trusted, or a file that cannot be used."""


class Identity(NamedTuple):
    """How a server stands to what the settings say of it.

    Attributes:
        how: "pinned", "ca", "unverified", "mismatch" or "refused-lab".
        presented: what it presented.
        certificate: its certificate as read, or None where it cannot be.
        words: the same for a person.
        advice: what to do, or "".
    """

    how: str
    presented: Presented
    certificate: Certificate | None
    words: str
    advice: str = ""

    @property
    def proven(self) -> bool:
        """Whether it proved itself."""
        return self.how in {"pinned", "ca"}


def tls_trust(cluster: ClusterSettings, table: AxlSettings | NodeSettings, place: Place) -> TlsTrust | None:
    """Return how a server has to prove itself, or None where the settings do not say.

    Args:
        cluster: The cluster's settings.
        table: Those of the server.
        place: What an error says about where it comes from.

    Raises:
        AccessError: The CA file cannot be used, or has a certificate of a lab and the cluster is none.
    """
    if table.pin is not None:
        return TlsTrust(sha256_pin=table.pin)
    if table.tls_ca is None:
        return None
    for certificate in _load_ca(table.tls_ca, place):
        if is_lab(certificate) and not cluster.lab:
            raise AccessError(ConnectorFault.TLS, f"{table.tls_ca}: {REFUSAL}", place=place, advice=ADVICE)
    return TlsTrust(ca_file=table.tls_ca)


def _load_ca(path: Path, place: Place) -> tuple[Certificate, ...]:
    advice = "Give a readable file with certificates (PEM) as tls_ca, or write tls_pin"
    try:
        with path.open("rb") as file:
            return read_certificates(file.read(_MAX_CA_BYTES))
    except OSError as error:
        detail = f"the CA file {path} cannot be read ({error.strerror})"
    except CertificateError as error:
        detail = f"the CA file {path} cannot be used ({error})"
    raise AccessError(ConnectorFault.INVALID, detail, place=place, advice=advice)


def identify(  # noqa: PLR0913 - where, against what, and how long
    cluster: ClusterSettings,
    table: AxlSettings | NodeSettings,
    host: str,
    port: int,
    seconds: float,
    place: Place,
) -> Identity:
    """Look at what a server presents, and compare it with what the settings say.

    Args:
        cluster: The cluster's settings.
        table: Those of the server.
        host: Where it is.
        port: TCP port.
        seconds: For each handshake; there are two with a CA file.
        place: What an error says about where it comes from.

    Raises:
        ConnectorError: It presents nothing, or the CA file cannot be used.
    """
    presented = probe(host, port, seconds, place=place)
    certificate = _read(presented)
    shown = f"SHA-256 {presented.fingerprint}"
    if not cluster.lab and any(is_lab_der(der) for der in presented.chain):
        return Identity("refused-lab", presented, certificate, f"{REFUSAL} ({shown})", ADVICE)
    trust = tls_trust(cluster, table, place)
    if trust is None:
        advice = f'Compare the fingerprint with the node\'s own, then write tls_pin = "{presented.fingerprint}"'
        return Identity("unverified", presented, certificate, f"no tls_pin or tls_ca says who it is ({shown})", advice)
    if trust.sha256_pin is not None:
        if trust.sha256_pin == presented.sha256:
            return Identity("pinned", presented, certificate, "its certificate is the pinned one")
        advice = (
            "If the certificate was renewed, compare with the node (show cert own tomcat) and write the new pin; "
            "if not, somebody else may be answering"
        )
        return Identity("mismatch", presented, certificate, f"its certificate is not the pinned one: {shown}", advice)
    try:
        verify_identity(host, port, trust, seconds, place=place)
    except ConnectorError as error:
        return Identity("mismatch", presented, certificate, error.detail, error.advice)
    return Identity("ca", presented, certificate, "the CA file vouches for its certificate")


def require_identity(name: str, cluster: ClusterSettings) -> None:
    """Refuse to go on where the AXL server of a cluster that is no lab presents a lab's certificate.

    A pin says nothing about what it pins; so this is asked once, before credentials are sent. Whoever presents
    another certificate afterwards fails at the pin.

    Raises:
        ConnectorError: It is one, or the server cannot be reached.
    """
    axl = cluster.axl
    if cluster.lab:
        return
    place = Place(name, axl.host, "AXL")
    presented = probe(axl.host, axl.port, axl.timeout_seconds, place=place)
    if any(is_lab_der(der) for der in presented.chain):
        raise AccessError(ConnectorFault.TLS, REFUSAL, place=place, advice=ADVICE)


def _read(presented: Presented) -> Certificate | None:
    try:
        return read_certificate(presented.leaf)
    except CertificateError:
        return None


def lifetime(certificate: Certificate | None, now: datetime) -> tuple[str, bool]:
    """Return when a certificate ends in words, and whether that is a matter of concern."""
    if certificate is None:
        return "cannot be read", True
    if certificate.not_after <= now:
        return f"ended {certificate.not_after:%Y-%m-%d}", True
    if certificate.not_before > now:
        return f"begins only {certificate.not_before:%Y-%m-%d}", True
    return f"ends {certificate.not_after:%Y-%m-%d}", certificate.not_after <= now + ENDS_SOON
