"""Connectors: the one place of the application that talks to a CUCM cluster over the network.

`ports` holds the contracts and is light to import; every adapter loads its sockets and libraries only when a
fetch really is done.
"""

from ctlctl.connectors.fetch import fetch, parse_target
from ctlctl.connectors.ports import (
    FetchError,
    FetchFault,
    FetchLimits,
    FetchTarget,
    FileFetcher,
    Scheme,
    TargetError,
    TlsTrust,
)

__all__ = [
    "FetchError",
    "FetchFault",
    "FetchLimits",
    "FetchTarget",
    "FileFetcher",
    "Scheme",
    "TargetError",
    "TlsTrust",
    "fetch",
    "parse_target",
]
