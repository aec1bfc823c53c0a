"""Who may say what, when: the conversation as a table, and how long each wait may take.

Everything about turns stands here, and nothing here knows which side we are. Source: transcripts of capfd and capfc,
which show all of it but RETRY_LATER and an END_SESSION while the client is at work.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from ctlctl_capf.frame import Command


class Side(Enum):
    """Who speaks."""

    SERVER = "server"
    CLIENT = "client"


class State(StrEnum):
    """Where a conversation stands. The values are stable: logs see them."""

    #: The server has to speak first.
    OPENING = "opening"
    #: The client has to say who it is.
    AUTHENTICATING = "authenticating"
    #: The server looks for what it has to do for this client.
    DECIDING = "deciding"
    #: The client has to make a key.
    GENERATING = "generating"
    #: The client has said that it is at it.
    GENERATING_SLOWLY = "generating-slowly"
    #: The server has to issue the certificate.
    ISSUING = "issuing"
    #: The client has to store it.
    STORING = "storing"
    #: The client has to hand its certificate over.
    FETCHING = "fetching"
    #: The client has to delete its certificate.
    DELETING = "deleting"
    #: The server has to end the session.
    ENDING = "ending"
    #: It is over.
    ENDED = "ended"
    #: The peer has broken it.
    BROKEN = "broken"


#: Who has to speak; nobody in the states that are missing.
SPEAKER: Final[Mapping[State, Side]] = MappingProxyType(
    {
        State.OPENING: Side.SERVER,
        State.AUTHENTICATING: Side.CLIENT,
        State.DECIDING: Side.SERVER,
        State.GENERATING: Side.CLIENT,
        State.GENERATING_SLOWLY: Side.CLIENT,
        State.ISSUING: Side.SERVER,
        State.STORING: Side.CLIENT,
        State.FETCHING: Side.CLIENT,
        State.DELETING: Side.CLIENT,
        State.ENDING: Side.SERVER,
    }
)

_STEPS: Final[Mapping[State, Mapping[Command, State]]] = MappingProxyType(
    {
        State.OPENING: {Command.AUTH_REQUEST: State.AUTHENTICATING},
        State.AUTHENTICATING: {Command.AUTH_RESPONSE: State.DECIDING},
        State.DECIDING: {
            Command.KEY_GENERATE_REQUEST: State.GENERATING,
            Command.FETCH_CERTIFICATE_REQUEST: State.FETCHING,
            Command.DELETE_CERTIFICATE_REQUEST: State.DELETING,
        },
        State.GENERATING: {
            Command.REQUEST_IN_PROGRESS: State.GENERATING_SLOWLY,
            Command.KEY_GENERATE_RESPONSE: State.ISSUING,
        },
        State.GENERATING_SLOWLY: {
            Command.REQUEST_IN_PROGRESS: State.GENERATING_SLOWLY,
            Command.KEY_GENERATE_RESPONSE: State.ISSUING,
        },
        State.ISSUING: {Command.STORE_CERTIFICATE_REQUEST: State.STORING},
        State.STORING: {Command.STORE_CERTIFICATE_RESPONSE: State.ENDING},
        State.FETCHING: {Command.FETCH_CERTIFICATE_RESPONSE: State.ENDING},
        State.DELETING: {Command.DELETE_CERTIFICATE_RESPONSE: State.ENDING},
        State.ENDING: {},
    }
)

#: What the server may say in every state, its turn or not: it has lost patience, or never had time.
_FAREWELLS: Final = frozenset({Command.END_SESSION, Command.RETRY_LATER})


def after(state: State, speaker: Side, command: Command) -> State | None:
    """Return the state that follows when one side says something; None where it may not say that now."""
    if state not in SPEAKER:
        return None
    if speaker is Side.SERVER and command in _FAREWELLS:
        return State.ENDED
    return _STEPS[state].get(command) if SPEAKER[state] is speaker else None


class Wait(NamedTuple):
    """How long one side should wait for the other. The machines have no clock: who runs them cuts off.

    Attributes:
        seconds: since the last message of either side.
        why: where the number comes from.
    """

    seconds: int
    why: str


_USUAL: Final = Wait(15, "10 to 15 s are usual; public sources name no time-out")
_KEY: Final = Wait(120, "phones of the 7962 kind take 30 to 60 s for RSA-2048, and REQUEST_IN_PROGRESS is optional")

#: How long to wait in each state for who has to speak.
WAITS: Final[Mapping[State, Wait]] = MappingProxyType(
    {
        **dict.fromkeys(SPEAKER, _USUAL),
        State.GENERATING: _KEY,
        State.GENERATING_SLOWLY: _KEY,
        State.ISSUING: Wait(60, "behind CAPF there may be an outside CA (Online CA mode)"),
        State.STORING: Wait(30, "phones write flash memory"),
    }
)
#: Seconds for a whole session, whatever comes: a peer may not keep it open by trickling.
SESSION_SECONDS: Final = 300
#: Bytes that one side sends in a session; the largest seen has 5,400, certificates of RSA-4096 chains included 20,000.
SESSION_BYTES: Final = 256 * 1024
