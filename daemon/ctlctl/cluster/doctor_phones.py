"""The doctor's look at a few phones: do they show a certificate, and do their pages tell which lists they hold."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ctlctl.cluster.labcheck import ADVICE, REFUSAL, is_lab_der
from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.cluster.view import Registration
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.phone_web import PhoneWebError
from ctlctl.connectors.phone_web import sweep as sweep_pages
from ctlctl.connectors.tls_probe import Presented, ProbeTarget, sweep
from ctlctl.inventory.collect_pages import web_settings
from ctlctl_config.model import ClusterSettings

#: Names that are asked of AXL and RIS; one call of RIS takes a thousand.
SAMPLE_NAMES: Final = 200
#: Phones that are looked at: enough to tell a firewall from a phone that is off.
SAMPLE_PHONES: Final = 8
_HOW_TO_SWITCH_ON: Final = "Web Access in the phone's settings switches it on (it is off by default on newer models)"


def look_at_phones(
    name: str, cluster: ClusterSettings, registrations: Sequence[Registration] | None
) -> tuple[Row, ...]:
    """Look at a few registered phones: what they present, and what their pages say.

    Args:
        name: the cluster's name.
        cluster: its settings.
        registrations: where RIS says phones are; None where it could not be asked.
    """
    # One after the other: a phone is never asked two things at a time.
    return ask_phones(name, cluster, registrations), ask_pages(name, cluster, registrations)


def _asked(registrations: Sequence[Registration]) -> list[Registration]:
    return [one for one in registrations if one.registered and one.address and one.has_web][:SAMPLE_PHONES]


def ask_pages(name: str, cluster: ClusterSettings, registrations: Sequence[Registration] | None) -> Row:
    """Read the pages of a few registered phones; arguments as `look_at_phones`."""
    row = Row(interface=Interface.PHONE_PAGES, status=Status.UNKNOWN, message="not asked: needs AXL and RIS")
    if not cluster.phones.pages:
        return replace(row, status=Status.ABSENT, message="not asked: pages = false in the settings")
    if registrations is None:
        return row
    asked = _asked(registrations)
    if not asked:
        return replace(row, status=Status.ABSENT, message="not asked: no phone of the sample has its web server on")
    places = [(phone.name, phone.address or "") for phone in asked]
    results = [one.result for one in sweep_pages(places, web_settings(name, cluster.phones), concurrency=len(places))]
    read = [one for one in results if not isinstance(one, PhoneWebError)]
    errors = [one for one in results if isinstance(one, PhoneWebError)]
    if not read:
        first = errors[0]
        return replace(
            row,
            status=Status.FAILED,
            message=f"none of {len(asked)} phones with a web server shows its pages: {first.detail}",
            reachable=first.fault not in {ConnectorFault.UNREACHABLE, ConnectorFault.TIMEOUT},
            fault=first.fault.value,
            advice=first.advice,
        )
    telling = sum(one.ctl_hash is not None or one.itl_hash is not None for one in read)
    message = f"{len(read)} of {len(asked)} can be read, {telling} of them tell which lists they hold"
    if errors:
        kinds = Counter(one.fault.value for one in errors)
        message += f"; the others: {', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}"
    advice = errors[0].advice if errors else "Their firmware does not tell, or in words that are not known here"
    return replace(
        row,
        status=Status.WARNING if errors or not telling else Status.OK,
        message=message,
        reachable=True,
        fault=errors[0].fault.value if errors else None,
        advice=advice if errors or not telling else None,
    )


def ask_phones(name: str, cluster: ClusterSettings, registrations: Sequence[Registration] | None) -> Row:
    """Look at what a few registered phones present.

    Args:
        name: the cluster's name.
        cluster: its settings.
        registrations: where RIS says phones are; None where it could not be asked.
    """
    row = Row(interface=Interface.PHONES, status=Status.UNKNOWN, message="not asked: needs AXL and RIS")
    if registrations is None:
        return row
    registered = [one for one in registrations if one.registered and one.address]
    open_ones = [one for one in registered if one.has_web]
    if not registrations:
        advice = "Nothing to do before phones are there"
        return replace(row, status=Status.WARNING, message="there is no phone to look at", advice=advice)
    if not registered:
        message = f"none of a sample of {len(registrations)} phones is registered"
        advice = "Find out why before anything else: RIS and the phones' status messages say what they miss"
        return replace(row, status=Status.WARNING, message=message, advice=advice)
    if not open_ones:
        message = (
            f"none of {len(registered)} registered phones in a sample of {len(registrations)} has its web server on"
        )
        return replace(row, status=Status.WARNING, message=message, advice=_HOW_TO_SWITCH_ON)
    asked = _asked(open_ones)
    port, seconds = cluster.phones.https_port, cluster.phones.probe_timeout_seconds
    targets = [
        ProbeTarget(phone.address or "", port, Place(name, phone.name, f"phone web on port {port}")) for phone in asked
    ]
    results = [one.result for one in sweep(targets, concurrency=len(targets), timeout_seconds=seconds)]
    shown = [one for one in results if isinstance(one, Presented)]
    if not shown:
        first = next(one for one in results if not isinstance(one, Presented))
        return replace(
            row,
            status=Status.FAILED,
            message=f"none of {len(asked)} phones with a web server shows a certificate: {first.detail}",
            reachable=False,
            fault=first.fault.value,
            advice="Check the way from here to the phones' networks (firewalls), and https_port in the settings",
        )
    if not cluster.lab and any(is_lab_der(der) for one in shown for der in one.chain):
        return replace(row, status=Status.FAILED, message=REFUSAL, identity="refused-lab", advice=ADVICE)
    versions = Counter(one.tls_version or "handshake not finished" for one in shown)
    said = ", ".join(f"{version} {count}" for version, count in sorted(versions.items()))
    share = f"{len(open_ones)} of {len(registered)} registered phones of the sample have their web server on"
    return replace(
        row,
        status=Status.OK if len(shown) == len(asked) else Status.WARNING,
        message=f"{len(shown)} of {len(asked)} show a certificate ({said}); {share}",
        reachable=True,
        advice=None if len(shown) == len(asked) else "Ask those that do not answer again: ctlctl cluster doctor",
    )
