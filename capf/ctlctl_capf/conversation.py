"""The CAPF conversation, without a socket: bytes in, messages out, for either side.

    data = conversation.send(message)         # bytes for the wire, in one write
    conversation.receive_data(sock.recv(n))   # b"" where the peer has ended
    event = conversation.next_event()         # a message, or a Signal

`receive_data` and `next_event` raise `CapfPeerError`, `send` raises `CapfLocalError`; anything else is a bug. What a
stream means does not hang on the pieces in which it comes. No more than one message and one piece is ever kept.
`ctlctl_capf.client` and `ctlctl_capf.server` decide what to say.
"""

from enum import Enum
from typing import TypeAlias

from ctlctl_capf.codec import decode_message, encode
from ctlctl_capf.dialect import DIALECT, Dialect
from ctlctl_capf.frame import (
    HEADER,
    MAX_MESSAGE,
    CapfLocalError,
    CapfPeerError,
    CapfReason,
    Command,
    Header,
    decode_frame,
    decode_header,
)
from ctlctl_capf.messages import Message, OtherMessage
from ctlctl_capf.states import SPEAKER, Side, State, after


class Signal(Enum):
    """What `next_event` gives where there is no message."""

    NEED_DATA = "need-data"
    PAUSED = "paused"
    CLOSED = "closed"


Event: TypeAlias = Message | Signal


class Conversation:
    """One side of a session: the buffer, the turns and the session's number.

    Attributes:
        side: which side we are.
        dialect: how strictly messages are read.
    """

    def __init__(self, side: Side, dialect: Dialect = DIALECT) -> None:
        self.side = side
        self.dialect = dialect
        self._peer = Side.CLIENT if side is Side.SERVER else Side.SERVER
        self._buffer = bytearray()
        self._peer_ended = False
        self._state = State.OPENING
        self._session: int | None = None
        self._delays = 0
        self._error: CapfPeerError | None = None

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._state

    @property
    def session(self) -> int | None:
        """The number that the server chose; None before its first message."""
        return self._session

    def receive_data(self, data: bytes) -> None:
        """Take what came from the peer.

        Args:
            data: a piece of the stream of any size, or ``b""`` where the peer has ended it. What comes after the end
                of the session, or after an error, is not kept.

        Raises:
            CapfPeerError: more than a whole message waits already because `next_event` was not asked, or because the
                peer goes on before it was answered.
        """
        if self._state not in SPEAKER:
            return
        if not data:
            self._peer_ended = True
        elif len(self._buffer) >= MAX_MESSAGE:
            raise self._break(CapfReason.NOT_DRAINED, "the peer sends on and on before it is answered")
        else:
            self._buffer += data

    def next_event(self) -> Event:
        """Return what the peer has said.

        Returns:
            The next message; NEED_DATA where more bytes must come; PAUSED where it is our turn to speak; CLOSED after
            the end of the session.

        Raises:
            CapfPeerError: the stream is no CAPF, or not what may come now. It is broken for good: every later call
                raises the same again.
        """
        if self._error is not None:
            raise self._error
        if self._state is State.ENDED:
            return Signal.CLOSED
        if SPEAKER[self._state] is self.side:
            return Signal.PAUSED
        try:
            return self._read()
        except CapfPeerError as error:
            raise self._break(error.reason, str(error)) from None

    def send(self, message: Message) -> bytes:
        """Return the bytes that say something.

        Raises:
            CapfLocalError: it may not be said now, is of another session, or cannot be written.
        """
        command = message.command
        follows = after(self._state, self.side, command)
        if follows is None:
            raise CapfLocalError(f"a {self.side.value} may not say {command.name} now: it is {self._state.value}")
        # Who speaks first chooses the number.
        if self._session is not None and message.session != self._session:
            raise CapfLocalError(f"the session is {self._session}, not {message.session}")
        data = encode(message)
        self._session = message.session
        self._go(follows)
        return data

    def _read(self) -> Event:
        if len(self._buffer) < HEADER.size:
            return self._wait()
        header = decode_header(self._buffer)
        follows = self._check(header)
        size = HEADER.size + header.length
        if len(self._buffer) < size:
            return self._wait()
        message = decode_message(decode_frame(bytes(self._buffer[:size])), self.dialect)
        if isinstance(message, OtherMessage):
            raise AssertionError(  # noqa: TRY004 - a bug of ours, not a wrong type
                "a command that has no layout has no place in the table of states"
            )
        del self._buffer[:size]
        self._session = header.session if self._session is None else self._session
        self._go(follows)
        return message

    def _wait(self) -> Event:
        if not self._peer_ended:
            return Signal.NEED_DATA
        if self._buffer:
            raise CapfPeerError(CapfReason.CUT_OFF, "the connection ended in the middle of a message")
        raise CapfPeerError(
            CapfReason.LEFT, f"the {self._peer.value} closed the connection while it was {self._state.value}"
        )

    def _check(self, header: Header) -> State:
        """Refuse what may not come now, before its body is waited for; return what follows."""
        follows = after(self._state, self._peer, header.command)
        if follows is None:
            raise CapfPeerError(
                CapfReason.OUT_OF_TURN, f"{header.command.name} may not come now: it is {self._state.value}"
            )
        if self.dialect.check_session and self._session is not None and header.session != self._session:
            raise CapfPeerError(
                CapfReason.WRONG_SESSION, f"the message is of session {header.session}, not {self._session}"
            )
        if header.command is Command.REQUEST_IN_PROGRESS and self._delays >= self.dialect.max_progress:
            raise CapfPeerError(CapfReason.TOO_MANY_DELAYS, f"over {self._delays} REQUEST_IN_PROGRESS")
        return follows

    def _go(self, state: State) -> None:
        self._delays = self._delays + 1 if state is State.GENERATING_SLOWLY else 0
        self._state = state
        if state is State.ENDED:
            self._buffer.clear()

    def _break(self, reason: CapfReason, message: str) -> CapfPeerError:
        self._state = State.BROKEN
        self._buffer.clear()
        self._error = CapfPeerError(reason, message)
        return self._error
