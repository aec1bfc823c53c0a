"""What the daemon knows of a cluster as JSON: one document for the cluster, one line for each phone.

Both `ctlctl` and the daemon's socket answer from these, so a snapshot says the same as the daemon did. Instants are
seconds since 1970-01-01 UTC; null means: not known. Keys may be added, never renamed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ctlctl.assess.enrolments import state_of
from ctlctl.assess.model import CertificateView, HeldList, Json, ListView, PhoneView
from ctlctl.fleet.nodedocuments import node_documents, page_document, service_documents, stale_lsc_documents
from ctlctl.inventory.enrolments import EnrolmentFact
from ctlctl.inventory.refused import RefusedAccount
from ctlctl.inventory.values import CapfProfileFact, Phone, Snapshot, SourceState

if TYPE_CHECKING:
    from ctlctl.service.hub import ClusterReport
    from ctlctl.store.values import StoredFinding

SCHEMA: Final = "ctlctl.cluster/1"


def cluster_document(report: "ClusterReport") -> dict[str, Json]:
    """Return everything about a cluster but its phones."""
    facts, numbers = report.facts, report.assessment.numbers
    return {
        "schema": SCHEMA,
        "name": report.name,
        "lab": report.lab,
        "at": report.changed_at,
        "version": None if facts is None else facts.version,
        "axl_schema": None if facts is None else facts.schema,
        "security_mode": None if facts is None else facts.security_mode,
        "lsc_columns": None if facts is None else facts.lsc_columns,
        "nodes": node_documents(report.said),
        "services": service_documents(report.said),
        "stale_lscs": stale_lsc_documents(report.said),
        "sources": {
            source.value: {**_source(state), "interval": report.intervals.get(source)}
            for source, state in report.sources.items()
        },
        "findings": [finding_document(one) for one in report.findings],
        "lists": [_list(one) for one in report.assessment.lists],
        "certificates": [_certificate(one) for one in report.assessment.certificates],
        "capf_profiles": [_profile(one) for one in report.profiles],
        "enrolments": [_enrolment(one, report.changed_at) for one in report.said.enrolments],
        "refused": refused_documents(report.said.refused),
        "rollouts": [dict(one) for one in report.rollouts],
        "numbers": {
            "phones": sum(numbers.phones.values()),
            "retired": numbers.retired,
            "credentials": _by_first(numbers.phones),
            "security_modes": _by_second(numbers.phones),
            "registrations": dict(numbers.registrations),
            "lsc_expiring": {str(days): count for days, count in numbers.lsc_expiring.items()},
            "lsc_by_issuer": dict(numbers.lsc_by_issuer),
            "lsc_by_month": dict(numbers.lsc_by_month),
            "capf": [
                {"kind": kind, "status": status, "count": count} for (kind, status), count in numbers.capf.items()
            ],
            "not_taken": dict(numbers.not_taken),
        },
    }


def _by_first(phones: Mapping[tuple[str, str, str], int]) -> dict[str, Json]:
    found: dict[str, int] = {}
    for (credential, _, _), count in phones.items():
        found[credential] = found.get(credential, 0) + count
    return dict(sorted(found.items()))


def _by_second(phones: Mapping[tuple[str, str, str], int]) -> dict[str, Json]:
    found: dict[str, int] = {}
    for (_, mode, _), count in phones.items():
        found[mode] = found.get(mode, 0) + count
    return dict(sorted(found.items()))


def _source(state: SourceState) -> dict[str, Json]:
    fault = state.fault
    return {
        "last_success": state.last_success,
        "last_attempt": state.last_attempt,
        "failing_since": state.failing_since,
        "fault": None if fault is None else {"kind": fault.kind, "detail": fault.detail, "advice": fault.advice},
    }


def refused_documents(refused: Iterable[RefusedAccount]) -> list[Json]:
    """Return accounts that are not tried again before they change."""
    return [
        {"account": one.account, "username": one.username, "interface": one.interface, "at": one.at} for one in refused
    ]


def finding_document(stored: "StoredFinding") -> dict[str, Json]:
    """Return one finding."""
    finding = stored.finding
    return {
        "code": finding.code.value,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "summary": finding.summary,
        "so_what": finding.so_what,
        "do": list(finding.do),
        "count": finding.count,
        "opened_at": stored.opened_at,
        "updated_at": stored.updated_at,
        "closed_at": stored.closed_at,
        "evidence": dict(finding.evidence),
    }


def _list(view: ListView) -> dict[str, Json]:
    return {
        "node": view.node,
        "kind": view.kind,
        "verdict": view.verdict,
        "sha256": view.sha256,
        "size": view.size,
        "records": view.records,
        "signed_at": view.signed_at,
        "signer": view.signer,
        "first_seen": view.first_seen,
        "missing": list(view.missing),
        "surplus": list(view.surplus),
        "codes": list(view.codes),
        "continuity": view.continuity,
        "signature_valid": view.signature_valid,
    }


def _certificate(view: CertificateView) -> dict[str, Json]:
    return {
        "node": view.node,
        "unit": view.unit,
        "store": view.store,
        "common_name": view.common_name,
        "issuer": view.issuer,
        "serial": view.serial,
        "key": view.key,
        "not_before": view.not_before,
        "not_after": view.not_after,
        "self_signed": view.self_signed,
        "client_auth": view.client_auth,
        "sha256": view.sha256,
        "sources": [source.value for source in view.sources],
        "served": view.served,
    }


def _profile(profile: CapfProfileFact) -> dict[str, Json]:
    return {
        "kind": profile.kind,
        "user": profile.user,
        "instance_id": profile.instance_id,
        "operation": profile.operation,
        "status": profile.status,
        "finish_time": profile.finish_time,
        "since": profile.since,
    }


def _enrolment(fact: EnrolmentFact, now: int) -> dict[str, Json]:
    return {
        "name": fact.name,
        "user": fact.user,
        "instance": fact.instance,
        "state": state_of(fact, now).value,
        "not_after": fact.not_after,
        "usable_until": fact.usable_until,
        "due_at": fact.due_at,
        "verdict": fact.verdict,
        "why": fact.code,
        "last_renewal": fact.last_renewal,
        "last_attempt": fact.last_attempt,
        "failures": fact.failures,
        "failure": fact.failure,
        "words": fact.words,
        "next_attempt": fact.next_attempt,
    }


def phone_documents(snapshot: Snapshot, views: Sequence[PhoneView]) -> Iterator[dict[str, Json]]:
    """Give one document for each phone.

    A source's own time stands in the cluster's document, so that a phone about which nothing new was said stays the
    same to the byte.

    Args:
        snapshot: everything known.
        views: of its assessment, in the order of its phones.
    """
    groups = {pool.name: pool.group for pool in snapshot.pools}
    profiles = {profile.name: profile for profile in snapshot.security_profiles}
    for phone, view in zip(snapshot.phones, views, strict=True):
        config = phone.config
        ordered = profiles.get(config.security_profile or "")
        yield {
            **phone_document(phone, view),
            "cm_group": groups.get(config.device_pool or ""),
            "key_size": None if ordered is None else ordered.key_size,
            "key_order": None if ordered is None else ordered.key_order,
            "ec_key_size": None if ordered is None else ordered.ec_key_size,
        }


def phone_document(phone: Phone, view: PhoneView) -> dict[str, Json]:
    """Return one phone."""
    config, registration, probe, credential = phone.config, phone.registration, phone.probe, view.credential
    return {
        "name": config.name,
        "pkid": config.pkid,
        "description": config.description,
        "model": config.model,
        "family": view.model_family,
        "protocol": config.protocol,
        "device_pool": config.device_pool,
        "security_profile": config.security_profile,
        "security_mode": config.security_mode,
        "authentication_mode": config.authentication_mode,
        "credential": credential.state.value,
        "credential_source": None if credential.source is None else credential.source.value,
        "credential_ends": credential.ends,
        "credential_issuer": credential.issuer,
        "confirmed_by": None if credential.confirmed_by is None else credential.confirmed_by.value,
        "contradiction": credential.contradiction,
        "mic_ends": credential.mic_ends,
        "lsc_valid_until": config.lsc_valid_until,
        "lsc_issuer": config.lsc_issuer,
        "lsc_issuer_valid_until": config.lsc_issuer_valid_until,
        "capf_operation": config.capf_operation,
        "capf_status": config.capf_status,
        "capf_finish_time": config.capf_finish_time,
        "capf_since": phone.capf_since,
        "not_taken": [*sorted(view.list_not_taken)],
        "first_seen": phone.first_seen,
        "changed_at": phone.changed_at,
        "registration": None
        if registration is None
        else {
            "status": registration.status,
            "reason": registration.reason,
            "changed_at": registration.changed_at,
            "node": registration.node,
            "address": registration.address,
            "httpd": registration.httpd,
            "load": registration.load,
        },
        "probe": None
        if probe is None
        else {
            "at": probe.at,
            "fault": probe.fault,
            "subject": probe.subject_cn,
            "issuer": probe.issuer_cn,
            "issuer_verified": probe.issuer_sha256 is not None,
            "serial": probe.serial,
            "not_after": probe.not_after,
            "sha256": probe.sha256,
            "tls_version": probe.tls_version,
        },
        "last_probe_fault": phone.last_probe_fault,
        "page": None if phone.page is None else page_document(phone.page),
        # What a phone without pages holds, nobody knows: 40,000 of them need not say so.
        "holds": None if phone.page is None else {"ctl": _held(view.holds_ctl), "itl": _held(view.holds_itl)},
    }


def _held(held: HeldList) -> dict[str, Json]:
    version = held.version
    if version is None:
        return {"state": held.state.value}
    return {
        "state": held.state.value,
        "sha256": version.sha256,
        "nodes": [*version.nodes],
        "first_seen": version.first_seen,
        "last_seen": version.last_seen,
        "behind": version.behind,
    }
