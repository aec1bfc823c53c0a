"""Made-up observations for tests of the store, and programs that use a store and are hurt while they do."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ctlctl.assess.model import ClusterCode, Finding, FindingSeverity
from ctlctl.inventory.values import ClusterFacts, ListVersion, NodeFact, PhoneConfig, PhoneProbe, Registration
from ctlctl.inventory.words import Fault
from ctlctl.store.store import Store

HQ = "hq"
FACTS = ClusterFacts("14.0.1.13900-155", "14.0", 1, lsc_columns=True)
PUBLISHER = NodeFact("pub", "Publisher", "CUCM Voice/Video", frozenset({"Cisco CallManager", "Cisco Tftp"}))
REFUSED = Fault("credentials", "cluster hq, node pub, AXL: the password was refused", "Check user name and password")
SILENT = Fault("timeout", "cluster hq, node pub: no answer within 10 s", "Check the node")


def phone_name(number: int) -> str:
    return f"SEP{number:012X}"


def phone(number: int, **changes: Any) -> PhoneConfig:  # noqa: ANN401 - values of any field
    made = PhoneConfig(
        pkid=f"{number:08x}-1111-2222-3333-{number:012x}",
        name=phone_name(number),
        description=f"Phone of user {number}",
        model=f"Cisco 88{number % 7}1",
        protocol="SIP",
        device_pool=f"DP_{number % 40}",
        security_profile=f"Secure {number % 9}",
        security_mode="Authenticated",
        authentication_mode="By Null String",
        capf_operation="No Pending Operation",
        capf_status="None",
        capf_finish_time="",
        lsc_valid_until=1_800_000_000 + number,
        lsc_issuer=f"CAPF-{number % 3:08x}",
        lsc_issuer_valid_until=1_900_000_000,
    )
    return replace(made, **changes)


def phones(count: int) -> Iterator[PhoneConfig]:
    return (phone(number) for number in range(count))


def registration(number: int = 0, **changes: Any) -> Registration:  # noqa: ANN401
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    made = Registration("Registered", 0, 1_700_000_000, f"sub{number % 8}", address, httpd=True, load="sip88xx.14-1-1")
    return replace(made, **changes)


def probe(at: int, number: int = 0, **changes: Any) -> PhoneProbe:  # noqa: ANN401
    made = PhoneProbe(
        at,
        sha256=f"{number:064x}",
        subject_cn=f"CP-8841-{phone_name(number)}",
        issuer_cn="CAPF-00000001",
        issuer_sha256="a" * 64,
        serial=f"{number:016X}",
        not_before=1_600_000_000,
        not_after=1_800_000_000,
        tls_version="TLSv1.2",
    )
    return replace(made, **changes)


def failed(at: int, fault: str = "timeout") -> PhoneProbe:
    return PhoneProbe(at, fault=fault)


def finding(
    code: ClusterCode = ClusterCode.STALE_CTL,
    subject: str = "pub/ctl",
    *,
    severity: FindingSeverity = FindingSeverity.WARNING,
    summary: str = "It is stale.",
    evidence: Mapping[str, Any] | None = None,
) -> Finding:
    return Finding(code, severity, subject, summary, "Phones refuse it.", ("Look.", "Act."), evidence or {}, 3)


def record_phones(store: Store, at: int, *these: PhoneConfig, cluster: str = HQ) -> None:
    store.record_axl(cluster, at, FACTS, [PUBLISHER], these)


def shown(version: ListVersion | None) -> tuple[bytes, int, int] | None:
    return None if version is None else (version.data, version.first_seen, version.last_seen)


def program(code: str, *words: object, input_text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that finds what tests find."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        input=input_text,
        env=program_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def program_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
