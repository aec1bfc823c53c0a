"""What the TVS of every node says about certificates: the ones that phones will ask it about."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Final

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.tvs import TvsClient, TvsError, TvsSettings
from ctlctl.inventory.readings import TvsReading, TvsRow
from ctlctl.inventory.words import Fault
from ctlctl_config.model import NodeSettings

#: Seconds for one question, connecting included, and after which a node is asked nothing more.
QUESTION_SECONDS: Final = 10.0
NODE_SECONDS: Final = 60.0
# Nodes asked at the same time; each is asked one thing after the other.
_NODES: Final = 8
# What a server says to one question; to the next it may say something else.
_ABOUT_ONE: Final = frozenset({ConnectorFault.REFUSED, ConnectorFault.PROTOCOL, ConnectorFault.INVALID})


def read_tvs(
    cluster: str, nodes: Iterable[NodeSettings], believed: Iterable[bytes], wanted: Iterable[bytes]
) -> Iterator[TvsRow]:
    """Ask the TVS of every node about every certificate. Blocks.

    Args:
        cluster: its name, for errors.
        nodes: its nodes in the settings; those without a port for TVS are left out.
        believed: certificates of the TVS records of verified ITLs, DER. A node must present one of them before
            anything is asked, so with none no node is believed.
        wanted: certificates to ask about, DER, each once; with none nobody is asked.

    Yields:
        A row for each node, in their order: a reading for each certificate that it was clear about, or why
        there is none. After a failure that is the node's, and not the question's, it is asked nothing more.
    """
    trusted, questions = tuple(dict.fromkeys(believed)), tuple(dict.fromkeys(wanted))
    asked = [node for node in nodes if node.ports.tvs]
    if not questions or not asked:
        return
    with ThreadPoolExecutor(min(_NODES, len(asked)), "tvs") as pool:
        yield from pool.map(partial(_ask_node, cluster, trusted, questions), asked)


def _ask_node(cluster: str, trusted: tuple[bytes, ...], questions: tuple[bytes, ...], node: NodeSettings) -> TvsRow:
    settings = TvsSettings(
        cluster=cluster,
        host=node.host,
        port=node.ports.tvs,
        certificates=trusted,
        timeout_seconds=QUESTION_SECONDS,
    )
    try:
        client = TvsClient(settings)
    except TvsError as error:
        return node.name, _fault(error)
    end = time.monotonic() + NODE_SECONDS
    readings: list[TvsReading] = []
    unclear: Fault | None = None
    for certificate in questions:
        if time.monotonic() >= end:
            detail = f"{node.host}: {len(readings)} of {len(questions)} questions answered in {NODE_SECONDS:g} seconds"
            return node.name, Fault(ConnectorFault.TIMEOUT.value, detail, "Check the load of that node")
        fingerprint = sha256(certificate).hexdigest()
        try:
            answer = client.verify(certificate)
        except TvsError as error:
            if error.fault not in _ABOUT_ONE:
                return node.name, _fault(error)
            unclear = unclear or _fault(error)
            continue
        if answer.known is None:
            detail = f"{node.host}: status {answer.status} about the certificate with SHA-256 {fingerprint}"
            unclear = unclear or Fault(ConnectorFault.PROTOCOL.value, detail, "Nobody has published what it means")
        else:
            readings.append(TvsReading(fingerprint, answer.known, tuple(sorted(answer.roles))))
    if not readings and unclear is not None:
        return node.name, unclear
    return node.name, tuple(readings)


def _fault(error: TvsError) -> Fault:
    return Fault(error.fault.value, error.detail, error.advice)
