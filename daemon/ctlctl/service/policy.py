"""From the settings of a cluster to what its assessment goes by."""

from types import MappingProxyType
from typing import Final

from ctlctl.assess.model import Policy
from ctlctl.inventory.words import Source
from ctlctl_config.model import ClusterSettings

_HOUR: Final = 3600
_DAY: Final = 86_400


def policy_of(cluster: ClusterSettings) -> Policy:
    """Return what counts as bad for a cluster."""
    limits = cluster.thresholds
    return Policy(
        lab=cluster.lab,
        configured_nodes=MappingProxyType({node.name: node.tftp for node in cluster.nodes}),
        stale_after=int(limits.stale_hours * _HOUR),
        expiring_warning=limits.expiring_warning_days * _DAY,
        expiring_critical=limits.expiring_critical_days * _DAY,
        lsc_expiring=limits.lsc_expiring_days * _DAY,
        probe_trusted_for=int(limits.probe_trusted_days * _DAY),
        capf_stuck_after=int(limits.capf_stuck_hours * _HOUR),
        phones_per_night=limits.phones_per_night,
        unregistered_share=limits.unregistered_percent / 100,
        backup_old_after=int(limits.backup_hours * _HOUR),
    )


def intervals_of(cluster: ClusterSettings) -> dict[Source, int]:
    """Return how many seconds lie between two rounds of each source that is asked at all."""
    schedule, platform = cluster.schedule, cluster.platform
    intervals = {
        Source.AXL: schedule.axl_seconds,
        Source.RIS: schedule.ris_seconds,
        Source.TRUST_LISTS: schedule.lists_seconds,
        Source.TLS_PORTS: schedule.ports_seconds,
        Source.PHONE_TLS: schedule.phones_seconds,
        Source.CONTROL_CENTER: schedule.services_seconds,
        Source.CERTIFICATE_API: schedule.certificates_seconds,
        Source.PLATFORM_CLI: schedule.cli_seconds,
        Source.TVS: schedule.tvs_seconds,
        Source.PHONE_PAGES: schedule.pages_seconds,
    }
    asked = {
        Source.CONTROL_CENTER: cluster.control_center.enabled,
        Source.CERTIFICATE_API: platform is not None and platform.certificate_api,
        Source.PLATFORM_CLI: platform is not None and platform.ssh,
        Source.TVS: cluster.tvs.enabled,
        Source.PHONE_PAGES: cluster.phones.pages,
    }
    return {source: seconds for source, seconds in intervals.items() if asked.get(source, True)}
