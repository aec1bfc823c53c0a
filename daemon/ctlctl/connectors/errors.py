"""The one error of the connectors to a cluster: which cluster, node and interface, what happened, what to do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ctlctl.connectors.ports import MAX_QUOTED_CHARACTERS, printable

# Characters of a whole description. A sentence of ours and one of the server's; it stays one readable line.
MAX_DETAIL_CHARACTERS: Final = 4 * MAX_QUOTED_CHARACTERS


class ConnectorFault(StrEnum):
    """Why an interface of a cluster did not do what it was asked. The values are stable: scripts see them."""

    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    HOST_KEY = "host-key"
    CREDENTIALS = "credentials"
    RIGHTS = "rights"
    NO_SERVICE = "no-service"
    VERSION = "version"
    THROTTLED = "throttled"
    TOO_LARGE = "too-large"
    REDIRECT = "redirect"
    SERVER_ERROR = "server-error"
    PROTOCOL = "protocol"
    NO_SUCH_ITEM = "no-such-item"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"
    UNCERTAIN = "uncertain"
    LOGIN = "login"
    WRONG_DEVICE = "wrong-device"


_ADVICE: Final[dict[ConnectorFault, str]] = {
    ConnectorFault.UNRESOLVED: "Check the host name in the settings and the DNS of this machine, or give the address",
    ConnectorFault.UNREACHABLE: "Check address, port and firewall, and that the node is up",
    ConnectorFault.TIMEOUT: "Check the load of the node and the network on the way, or allow more time",
    ConnectorFault.TLS: (
        "Compare the fingerprint with the node's own certificate (show cert own, or OS Administration); if the node "
        "has a new one, set it in the settings (tls_pin or tls_ca); if not, somebody else may be answering"
    ),
    ConnectorFault.HOST_KEY: (
        "Compare the fingerprint with what another computer knows of the node (ssh-keygen -l -F NODE); if the node has "
        "a new key, set it in the settings (ssh_host_key); if not, somebody else may be answering"
    ),
    ConnectorFault.CREDENTIALS: (
        "Check user name and password; nothing is tried again until they change, because CUCM locks accounts. If the "
        "same are right now: ctlctl cluster refresh CLUSTER --retry-credentials"
    ),
    ConnectorFault.RIGHTS: "Check the roles of the user (ctlctl cluster doctor lists the ones that are needed)",
    ConnectorFault.NO_SERVICE: "Check that the service is activated on that node (Serviceability, Service Activation)",
    ConnectorFault.VERSION: "Set the version in the settings to one that the cluster serves, or to auto",
    ConnectorFault.THROTTLED: "The cluster is busy: try again later, or use fewer tools at the same time",
    ConnectorFault.TOO_LARGE: "Use smaller pages (page_size in the settings), and check what serves this address",
    ConnectorFault.REDIRECT: "Redirects are never followed; check host and port in the settings",
    ConnectorFault.SERVER_ERROR: "Try again in a minute; if it stays, look at Cisco Tomcat on that node",
    ConnectorFault.PROTOCOL: "Check that this address and port is a CUCM node; if it is, try again",
    ConnectorFault.NO_SUCH_ITEM: "Check the name; it may have been deleted or renamed on the cluster",
    ConnectorFault.DUPLICATE: "Something of that name is there already; read it again before changing it",
    ConnectorFault.REFUSED: "The cluster's words say why; look the item up in CUCM Administration",
    ConnectorFault.UNSUPPORTED: "This cluster does not offer that; ctlctl cluster doctor shows what it lacks",
    ConnectorFault.INVALID: "Nothing was sent; correct the value",
    ConnectorFault.UNCERTAIN: "Read the item again before doing anything else: the change may have been made",
    ConnectorFault.LOGIN: "No password is ever given to a phone; its pages can be read only where they want none",
    ConnectorFault.WRONG_DEVICE: (
        "The address has gone to another device since it was learned (DHCP); the next round of RIS brings the new one"
    ),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an error happened.

    Attributes:
        cluster: Name of the cluster in the settings.
        node: Name or address of the node that is asked.
        interface: The interface as its people call it, such as "AXL".
    """

    cluster: str
    node: str
    interface: str


class ConnectorError(Exception):
    """An interface of a cluster did not do what it was asked. Its text is one line and holds no secret.

    Each interface has an error class of its own that derives from this one.

    Attributes:
        cluster: Name of the cluster in the settings.
        node: Name or address of the node that was asked.
        interface: The interface as its people call it, such as "AXL".
        fault: The kind of trouble.
        detail: What happened, in words, harmless to print.
        advice: What to do next.
    """

    def __init__(self, fault: ConnectorFault, detail: str, *, place: Place, advice: str = "") -> None:
        self.cluster = printable(place.cluster)
        self.node = printable(place.node)
        self.interface = printable(place.interface)
        self.fault = fault
        self.detail = printable(detail, MAX_DETAIL_CHARACTERS)
        self.advice = advice or _ADVICE[fault]
        where = f"cluster {self.cluster}, node {self.node}, {self.interface}"
        super().__init__(f"{where}: {self.detail.rstrip('.')}. {self.advice}.")

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a trip to another process with everything that was set on it."""
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(kind: type[ConnectorError], args: tuple[Any, ...], state: dict[str, Any]) -> ConnectorError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error
