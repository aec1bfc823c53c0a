"""What a person, and what a program is told of an enrolment."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ctlctl.connectors.capf import fingerprint
from ctlctl.connectors.ports import join_endpoint, printable
from ctlctl.enroll.credential import Server
from ctlctl.enroll.folder import CERTIFICATE, CHAIN, KEY, KEYSTORE, KEYSTORE_PASSWORD
from ctlctl.enroll.identity import Identity
from ctlctl.terminal import pasteable
from ctlctl_capf.renewal import Caution, Decision, Verdict
from ctlctl_trust.certificate import Certificate
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.tlv import serial_text

_SCHEMA: Final = "ctlctl.capf-enroll/1"
_CAUTIONS: Final[dict[Caution, str]] = {
    Caution.OUTLIVES_ISSUER: "it says that it lasts longer than the CAPF certificate that signed it",
    Caution.WILL_OUTLIVE_ISSUER: "a new one will say that it lasts longer than CAPF's own certificate",
    Caution.UNKNOWN_ISSUER: "who signed it is not known here any more",
    Caution.UNKNOWN_CAPF: "which CAPF certificate is in use now is not known",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    Attributes:
        result: "enrolled", "renewed", "deleted" or "not-due".
        identity: who.
        server: where.
        directory: where the credential is.
        certificate: the certificate in use; None where it was deleted.
        decision: when it is to be renewed; None where it was deleted.
        believed: why CAPF was believed; empty where it was not asked.
        presented: what it proved itself by, or None.
        own_password: whether the password of the PKCS#12 file is the operator's.
        caution: what is not as it should be.
    """

    result: str
    identity: Identity
    server: Server
    directory: Path
    certificate: Certificate | None
    decision: Decision | None
    believed: str = ""
    presented: Certificate | None = None
    own_password: bool = False
    caution: str | None = None

    @property
    def next_step(self) -> str:
        """What to do next."""
        if self.certificate is None:
            return (
                "a certificate that was deleted is not revoked: whoever has a copy of its key can use it until its end"
            )
        where = f"ctlctl capf enroll --renew --out {self.directory}"
        until = None if self.decision is None else self.decision.until
        when = "when it is due" if until is None else f"from {until:%Y-%m-%d} on"
        return f"{where}  ({when}; or let ctld do it: docs/enroll.md)"


def report_text(report: Report) -> Iterator[str]:
    """Give the lines for a person."""
    who = report.identity
    of_whom = f" · {who.user} · instance ID {who.instance}" if who.user else ""
    yield printable(f"{report.result:<9} {who.name}{of_whom}")
    certificate = report.certificate
    if certificate is not None:
        span = f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
        yield f"  certificate  {printable(_name(certificate))}"
        yield f"               {span} · {certificate.key_label} · serial {_serial(certificate)}"
        yield f"               SHA-256 {fingerprint(certificate.der)}"
    if report.decision is not None:
        yield from _decision(report.decision, certificate)
    if report.presented is not None:
        server = report.server
        yield f"  CAPF         {join_endpoint(server.host, server.port)} · {printable(_name(report.presented))}"
        yield f"               SHA-256 {fingerprint(report.presented.der)}"
        yield f"  believed by  {printable(report.believed)}"
    if certificate is not None:
        password = "password is yours" if report.own_password else f"password in {KEYSTORE_PASSWORD}"
        yield f"  files        {report.directory}: {KEY}, {CERTIFICATE}, {CHAIN}, {KEYSTORE} ({password})"
    if report.caution is not None:
        yield printable(f"  warn         {report.caution}", 1000)
    yield pasteable(f"Next: {report.next_step}")


def _decision(decision: Decision, certificate: Certificate | None) -> Iterator[str]:
    if decision.verdict is Verdict.NOT_DUE and decision.until is not None:
        yield f"  renewal      due from {decision.until:%Y-%m-%d} on"
    else:
        yield f"  renewal      {decision.verdict.value}: {printable(decision.words)}"
    if certificate is not None and decision.end is not None and decision.end < certificate.not_after:
        yield f"  usable       until {decision.end:%Y-%m-%d}: then the certificate that signed it ends"
    for caution in decision.cautions:
        yield f"  warn         {caution.value}: {_CAUTIONS[caution]}"


def report_json(report: Report) -> dict[str, Any]:
    """Return the document for a program."""
    certificate, decision, who = report.certificate, report.decision, report.identity
    return {
        "schema": _SCHEMA,
        "result": report.result,
        "name": who.name,
        "user": who.user or None,
        "instance_id": who.instance or None,
        "kind": who.kind,
        "server": {"host": report.server.host, "port": report.server.port, "cluster": report.server.cluster or None},
        "presented_sha256": None if report.presented is None else sha256(report.presented.der).hexdigest(),
        "believed_by": report.believed or None,
        "directory": str(report.directory),
        "certificate": None
        if certificate is None
        else {
            "subject": _name(certificate),
            "issuer": _pairs(certificate.issuer),
            "serial": _serial(certificate),
            "not_before": _instant(certificate.not_before),
            "not_after": _instant(certificate.not_after),
            "key": certificate.key_label,
            "sha256": sha256(certificate.der).hexdigest(),
        },
        "usable_until": None if decision is None or decision.end is None else _instant(decision.end),
        "renewal": None
        if decision is None
        else {
            "verdict": decision.verdict.value,
            "code": decision.code.value,
            "due_from": None if decision.until is None else _instant(decision.until),
            "cautions": [each.value for each in decision.cautions],
        },
        "caution": report.caution,
        "next": report.next_step,
    }


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _serial(certificate: Certificate) -> str:
    return serial_text(serial_bytes(certificate.serial))


def _name(certificate: Certificate) -> str:
    return _pairs(certificate.subject) or "(no name)"


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{kind}={value}" for kind, value in pairs)
