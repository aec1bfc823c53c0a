"""What the platform CLI takes and gives: how a node is reached, what allows a change, the errors, the port itself.

Light to import: nothing here loads paramiko.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from ctlctl.connectors.errors import ConnectorError, Place
from ctlctl.connectors.secret import Secret

#: What errors and places call this interface.
INTERFACE: Final = "platform CLI"
#: Seconds from the connection to the first prompt; the shell takes 5 to 30 to start.
DEFAULT_LOGIN_SECONDS: Final = 60.0
#: Seconds for one command that reads; `show ctl` on a busy node takes longest.
DEFAULT_COMMAND_SECONDS: Final = 120.0
#: Seconds of silence behind what looks like a question before it is taken for one that is not known.
DEFAULT_QUESTION_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class CliSettings:
    """How the platform CLI of one node is reached.

    Attributes:
        cluster: name of the cluster in the settings.
        node: name of the node.
        host: its name or address.
        port: TCP port of SSH.
        username: an OS administrator.
        password: the password.
        host_key: the only key that is believed, "SHA256:…" as `ssh-keygen -l` prints it; None refuses to log in.
        sha1_key_exchange: whether SHA-1 key exchange and ssh-rsa host keys are offered, which 10.5 to 11.5 need.
        login_seconds: from the connection to the first prompt.
        command_seconds: for one command that reads.
        question_seconds: silence after which an open question that is not known is an error.
    """

    cluster: str
    node: str
    host: str
    port: int
    username: str
    password: Secret
    host_key: str | None
    sha1_key_exchange: bool = False
    login_seconds: float = DEFAULT_LOGIN_SECONDS
    command_seconds: float = DEFAULT_COMMAND_SECONDS
    question_seconds: float = DEFAULT_QUESTION_SECONDS

    @property
    def place(self) -> Place:
        """What errors say about where they come from."""
        return Place(self.cluster, self.node, INTERFACE)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an approved plan allows on one node. Only what carries out approved plans makes one.

    Attributes:
        plan: identifier of the plan, for the record.
        cluster: the cluster it was approved for.
        node: the node likewise.
        lines: the exact command lines that it allows.
    """

    plan: str
    cluster: str
    node: str
    lines: frozenset[str]


class PlatformCliError(ConnectorError):
    """The platform CLI of a node did not do what it was asked."""


class CliGuardError(PlatformCliError):
    """A command is not one that may be sent, or a change that no approved plan allows. Nothing was sent."""


class Console(Protocol):
    """The shell of one node, as collectors use it: a context manager whose body is one login."""

    @property
    def pagination_off(self) -> bool:
        """Whether the node said that it turned paging off; accounts of level 0 may not."""

    def run(self, command: str, argument: str = "", *, grant: Grant | None = None) -> str:
        """Run one command of the table and return what it printed."""

    def __enter__(self) -> Self:
        """Log in."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log out."""
