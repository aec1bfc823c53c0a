"""From everything known of a cluster to what an operator should know; pure, at one instant given from outside."""

from dataclasses import replace

from ctlctl.assess.capf import report_capf
from ctlctl.assess.certificates import CertificateRules
from ctlctl.assess.certquality import report_quality
from ctlctl.assess.clusterfindings import report_cluster
from ctlctl.assess.draft import Findings
from ctlctl.assess.enrolments import report_enrolments
from ctlctl.assess.known import Known
from ctlctl.assess.listfindings import report_not_taken, report_phones_behind
from ctlctl.assess.lists import ListRules
from ctlctl.assess.model import Assessment, Policy
from ctlctl.assess.numbers import Tally
from ctlctl.assess.phonefindings import report_phones
from ctlctl.assess.platformfindings import PlatformRules
from ctlctl.assess.servicefindings import ServiceRules
from ctlctl.assess.sources import report_sources
from ctlctl.assess.tvsfindings import TvsRules
from ctlctl.inventory.values import Snapshot


def assess(snapshot: Snapshot, policy: Policy, now: int) -> Assessment:
    """Judge a cluster.

    Args:
        snapshot: what is known of it.
        policy: what counts as bad.
        now: the instant to judge at, seconds since 1970.

    Returns:
        Findings, worst first, and what is shown of phones, lists and certificates. Never raises, whatever bytes the
        snapshot holds.
    """
    findings = Findings(snapshot.cluster)
    known = Known(snapshot)
    tally = Tally(snapshot, known, policy, now)
    report_sources(snapshot, policy, now, findings)
    report_cluster(snapshot, known, policy, now, tally, findings)
    lists = ListRules(snapshot, known, policy, now, tally, findings).judge()
    certificates = CertificateRules(snapshot, known, policy, now, findings).judge()
    report_quality(known, findings)
    services = ServiceRules(snapshot, known, now, findings).judge()
    platform = PlatformRules(snapshot, known, policy, now, findings).judge()
    tvs_unaware = TvsRules(snapshot, known, now, tally, findings).judge()
    report_phones(tally, policy, now, findings)
    report_capf(snapshot, known, policy, now, tally, findings)
    report_enrolments(snapshot, policy, now, findings)
    # Last, because they tell to reset phones, unless something found above speaks against it.
    report_not_taken(tally, policy, now, findings)
    report_phones_behind(tally, policy, now, findings)
    return Assessment(
        cluster=snapshot.cluster,
        at=now,
        findings=findings.worst_first(),
        phones=tuple(tally.views),
        lists=lists,
        certificates=certificates,
        numbers=replace(
            tally.numbers(),
            services=services,
            replication=platform.replication,
            clocks=platform.clocks,
            backup_at=platform.backup_at,
            tvs_unaware=tvs_unaware,
        ),
    )
