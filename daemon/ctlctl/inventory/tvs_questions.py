"""What TVS is to be asked: the certificates that services have now, and who may answer."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ctlctl.inventory.nodevalues import StoreCertificate
from ctlctl.inventory.values import SeenCertificate, ServedList
from ctlctl.inventory.words import Source
from ctlctl_trust import verify_trust_list
from ctlctl_trust.certificate import CertificateError, read_certificate
from ctlctl_trust.tlv import Role

#: Units whose certificates a phone meets: it asks TVS about those that its lists do not hold (reference: Cisco
#: documents 118893 and 118699). ITLRecovery is asked about as the signer of lists.
_UNITS: Final = frozenset({"CallManager", "CallManager-ECDSA", "CAPF", "TVS", "tomcat", "tomcat-ECDSA", "ITLRecovery"})
#: A node lists its own certificates better than the database does; of two that answer, the API shows more.
_BEST_FIRST: Final = (Source.CERTIFICATE_API, Source.PLATFORM_CLI, Source.AXL)
#: Certificates asked about at most; 12 nodes have about 60.
_MOST: Final = 200


def believed_servers(lists: Iterable[ServedList], now: datetime) -> tuple[bytes, ...]:
    """Return the certificates by which a TVS may prove itself: those of the TVS records of every ITL served now.

    Args:
        lists: what TFTP nodes serve.
        now: the instant.

    Returns:
        DER of each, once; none where no ITL holds together.
    """
    found: dict[bytes, None] = {}
    for served in lists:
        if served.kind != "itl" or served.current is None:
            continue
        report = verify_trust_list(served.current.data, now)
        if not report.findings.invalid:
            found |= dict.fromkeys(one.der for one in report.keys_of(Role.TVS).values())
    return tuple(found)


def certificates_in_use(
    certificates: Iterable[SeenCertificate], stores: Iterable[StoreCertificate]
) -> tuple[bytes, ...]:
    """Return the certificates that services have now, DER, each once.

    Of each node and unit the best source that tells it counts, and of several certificates the newest.

    Args:
        certificates: those of the database, and of ports, which do not count here.
        stores: those that nodes list themselves.
    """
    told: dict[tuple[str, str], dict[Source, list[bytes]]] = {}
    for one in stores:
        if one.place == "own" and one.store in _UNITS:
            told.setdefault((one.node.lower(), one.store), {}).setdefault(one.source, []).append(one.der)
    for seen in certificates:
        if seen.source is Source.AXL and seen.place in _UNITS:
            told.setdefault((seen.node.lower(), seen.place), {}).setdefault(seen.source, []).append(seen.der)
    found: dict[bytes, None] = {}
    for by_source in told.values():
        best = next(by_source[source] for source in _BEST_FIRST if source in by_source)
        newest = max(((begins, der) for der in best if (begins := _begins(der)) is not None), default=None)
        if newest is not None:
            found[newest[1]] = None
    return tuple(found)[:_MOST]


def _begins(der: bytes) -> datetime | None:
    try:
        return read_certificate(der).not_before
    except CertificateError:
        # What cannot be read is reported elsewhere, and no phone asks about it.
        return None
