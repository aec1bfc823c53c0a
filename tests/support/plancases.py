"""A cluster in good health as the documents of which plans are made; tests change what they are about."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from ctlctl.fleet.documents import cluster_document, phone_documents
from ctlctl.plan.making import Basis, Request, make_plan
from ctlctl.plan.model import Guard, GuardCode, Plan
from ctlctl.plan.selecting import Wanted
from ctlctl.service.hub import make_report
from ctlctl.store.values import StoredFinding
from ctlctl_capf.rollout.model import Operation
from ctlctl_config import ClusterSettings, make_cluster
from support.smallsnapshot import DAY, NOW, POLICY, judged, phone, whole

Document: TypeAlias = dict[str, Any]

LSC, MIC, NULL, STRING = (
    "By Existing Certificate (precedence to LSC)",
    "By Existing Certificate (precedence to MIC)",
    "By Null String",
    "By Authentication String",
)
CA = "Cisco Manufacturing CA SHA2"


@cache
def _documents() -> tuple[Document, Document]:
    snapshot = whole(phones=(phone(),))
    assessment = judged(snapshot)
    findings = tuple(StoredFinding(one, NOW, NOW) for one in assessment.findings)
    report = make_report(snapshot, assessment, findings, POLICY, {})
    (first,) = phone_documents(snapshot, assessment.phones)
    return cluster_document(report), first


def cluster_of(phones: int = 4, **changes: object) -> Document:
    """Return a cluster's document; the manufacturing CA is in both trust stores of every node."""
    made = deepcopy(_documents()[0])
    made["numbers"]["phones"] = phones
    for node in ("pub", "sub1", "sub2"):
        for store in ("CallManager-trust", "CAPF-trust"):
            made["certificates"].append(trusted(CA, store, node))
    for own in made["certificates"]:
        if own["unit"] == "CAPF":
            own["not_after"] = NOW + 2000 * DAY
    return {**made, **changes}


def trusted(name: str, store: str, node: str = "pub", ends: int = NOW + 3000 * DAY) -> Document:
    """Return a certificate in a trust store."""
    return {"node": node, "unit": store, "store": "trust", "common_name": name, "issuer": name, "not_after": ends}


def lsc_phone(name: str = "SEP001122334455", **changes: object) -> Document:
    """Return a secure phone with an LSC that ends in 30 days, that proves itself by it."""
    made = {
        **deepcopy(_documents()[1]),
        "name": name,
        "pkid": f"{{{name}}}",
        "authentication_mode": LSC,
        "credential": "lsc-expiring",
        "credential_ends": NOW + 30 * DAY,
        "lsc_valid_until": NOW + 30 * DAY,
        "key_size": "2048",
    }
    return {**made, **changes}


def mic_phone(name: str = "SEP001122334456", **changes: object) -> Document:
    """Return a secure phone that was seen to show its MIC, and proves itself by it."""
    without = {
        "credential": "mic",
        "credential_ends": NOW + 900 * DAY,
        "credential_issuer": CA,
        "mic_ends": NOW + 900 * DAY,
        "lsc_valid_until": None,
        "lsc_issuer": None,
        "authentication_mode": MIC,
        "capf_status": "None",
    }
    return lsc_phone(name, **{**without, **changes})


def registration(status: str, changed_at: int | None) -> Document:
    """Return what RIS says of a phone."""
    return {"status": status, "changed_at": changed_at, "node": "pub", "httpd": True}


def settings(**rollout: object) -> ClusterSettings:
    """Return a cluster's settings."""
    axl = {"host": "h", "username": "u", "password_file": "p", "tls_pin": "AB" * 32}
    return make_cluster(Path("/x/ctld.toml"), "hq", {"timezone": "Europe/Berlin", "axl": axl, "rollout": rollout})


def planned(
    operation: Operation | str,
    *phones: Document,
    cluster: Document | None = None,
    wanted: Wanted | None = None,
    rollout: Mapping[str, object] | None = None,
    live: bool = True,
    do_not_touch: frozenset[str] | None = None,
    now: int = NOW,
    accepted: frozenset[str] = frozenset(),
    first: tuple[str, ...] = (),
    renew_before_days: int | None = None,
    due_or_not: bool = False,
) -> Plan:
    """Make a plan for these phones, all of them where nothing else is wanted."""
    known = cluster_of(len(phones)) if cluster is None else cluster
    basis = Basis(known, phones, live, do_not_touch, now, "0.1")
    meant = wanted or Wanted({}, everything=True)
    request = Request(Operation(operation), meant, accepted, first, renew_before_days, due_or_not)
    return make_plan(basis, request, settings(**(rollout or {})))


def guard(plan: Plan, code: GuardCode | str) -> Guard:
    """Return one guard of a plan."""
    return next(one for one in plan.guards if one.code == code)
