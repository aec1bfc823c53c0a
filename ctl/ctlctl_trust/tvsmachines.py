"""The TVS conversation, without a socket: bytes in, messages out, for the side that asks and the side that answers.

    data = machine.send(request)         # bytes for the wire
    machine.receive_data(sock.recv(n))   # b"" where the peer has ended
    event = machine.next_event()         # a message, or a Signal

`receive_data` and `next_event` raise `TvsPeerError`, `send` raises `TvsLocalError`; anything else is a bug. What a
stream means does not hang on the pieces in which it comes. No more than one message and one piece is ever kept.
"""

from enum import Enum
from typing import Final, TypeAlias

from ctlctl_trust.tvsframe import (
    HEADER,
    MAX_MESSAGE,
    Command,
    Header,
    TvsLocalError,
    TvsPeerError,
    TvsReason,
    decode_frame,
    decode_header,
)
from ctlctl_trust.tvsmessages import (
    DIALECT,
    Dialect,
    Message,
    QueryRequest,
    QueryResponse,
    Request,
    Response,
    VerifyRequest,
    VerifyResponse,
    decode_message,
)


class Signal(Enum):
    """What `next_event` gives where there is no message."""

    NEED_DATA = "need-data"
    PAUSED = "paused"
    CLOSED = "closed"


class Turn(Enum):
    """Where a conversation stands."""

    ASKING = "asking"
    ANSWERING = "answering"
    CLOSED = "closed"
    BROKEN = "broken"


class _Step(Enum):
    REQUEST = "request"
    RESPONSE = "response"
    LAST_RESPONSE = "last response"
    END = "end"


# Everything about turns stands here, and nothing here knows which side we are. An end while somebody has to answer is
# an error, so it has no row.
_TURNS: Final[dict[tuple[Turn, _Step], Turn]] = {
    (Turn.ASKING, _Step.REQUEST): Turn.ANSWERING,
    (Turn.ANSWERING, _Step.RESPONSE): Turn.ASKING,
    (Turn.ANSWERING, _Step.LAST_RESPONSE): Turn.CLOSED,
    (Turn.ASKING, _Step.END): Turn.CLOSED,
}

_ANSWER: Final[dict[Command, Command]] = {
    Command.VERIFY_REQUEST: Command.VERIFY_RESPONSE,
    Command.QUERY_REQUEST: Command.QUERY_RESPONSE,
}

Event: TypeAlias = Message | Signal


class _Machine:
    """What both sides share: the buffer, the turns, and the request that is under way."""

    #: The turn in which it is the peer who speaks.
    _listens: Turn

    def __init__(self, dialect: Dialect = DIALECT) -> None:
        self._dialect = dialect
        self._buffer = bytearray()
        self._ended = False
        self._turn = Turn.ASKING
        self._answers = 0
        self._pending: Header | None = None
        self._error: TvsPeerError | None = None

    @property
    def turn(self) -> Turn:
        """Where the conversation stands."""
        return self._turn

    def receive_data(self, data: bytes) -> None:
        """Take what came from the peer.

        Args:
            data: a piece of the stream of any size, or ``b""`` where the peer has ended it. What comes after the last
                answer, or after an error, is not kept.

        Raises:
            TvsPeerError: more than a whole message waits already because `next_event` was not asked, or because the
                peer goes on before it was answered.
        """
        if self._turn in (Turn.CLOSED, Turn.BROKEN):
            return
        if not data:
            self._ended = True
        elif len(self._buffer) >= MAX_MESSAGE:
            raise self._break(TvsReason.NOT_DRAINED, "the peer sends on and on before it is answered")
        else:
            self._buffer += data

    def next_event(self) -> Event:
        """Return what the peer has said.

        Returns:
            The next message; NEED_DATA where more bytes must come; PAUSED where it is our turn to speak; CLOSED after
            the last answer, and where the peer has left between two.

        Raises:
            TvsPeerError: the stream is no TVS, or not what may come now. It is broken for good: every later call
                raises the same again.
        """
        if self._error is not None:
            raise self._error
        if self._turn is Turn.CLOSED:
            return Signal.CLOSED
        if self._turn is not self._listens:
            return self._nobody_speaks()
        try:
            return self._read()
        except TvsPeerError as error:
            raise self._break(error.reason, str(error)) from None

    def _nobody_speaks(self) -> Event:
        return Signal.PAUSED

    def _read(self) -> Event:
        if len(self._buffer) < HEADER.size:
            return self._wait()
        header = decode_header(self._buffer)
        self._check(header)
        size = HEADER.size + header.length
        if len(self._buffer) < size:
            return self._wait()
        message = decode_message(decode_frame(bytes(self._buffer[:size])), self._dialect)
        del self._buffer[:size]
        self._heard(header)
        return message

    def _wait(self) -> Event:
        if not self._ended:
            return Signal.NEED_DATA
        if self._buffer:
            raise TvsPeerError(TvsReason.CUT_OFF, "the connection ended in the middle of a message")
        return self._left()

    def _left(self) -> Event:
        self._go(_Step.END)
        return Signal.CLOSED

    def _check(self, header: Header) -> None:
        """Refuse what may not come now, before its body is waited for."""
        raise NotImplementedError

    def _heard(self, header: Header) -> None:
        """Note that a whole message has come."""
        raise NotImplementedError

    def _go(self, step: _Step) -> None:
        self._turn = _TURNS[self._turn, step]

    def _answered(self) -> None:
        self._answers += 1
        self._pending = None
        last = self._answers == self._dialect.requests_per_connection
        self._go(_Step.LAST_RESPONSE if last else _Step.RESPONSE)
        if last:
            self._buffer.clear()

    def _break(self, reason: TvsReason, message: str) -> TvsPeerError:
        self._turn = Turn.BROKEN
        self._buffer.clear()
        self._error = TvsPeerError(reason, message)
        return self._error


class TvsClientMachine(_Machine):
    """The side that asks: a phone, or who wants to know what a phone would be told."""

    _listens = Turn.ANSWERING

    def send(self, request: Request) -> bytes:
        """Return the bytes that ask.

        Raises:
            TvsLocalError: it is not our turn, or the request cannot be written.
        """
        if not isinstance(request, VerifyRequest | QueryRequest):
            raise TvsLocalError("a client sends requests")
        if self._turn is not Turn.ASKING:
            raise TvsLocalError(f"a request may not be sent now: the conversation is {self._turn.value}")
        frame = request.to_frame(self._dialect)
        data = frame.encode()
        self._pending = Header(frame.command, frame.reserved, frame.session, frame.body_length)
        self._go(_Step.REQUEST)
        return data

    def _nobody_speaks(self) -> Event:
        if self._buffer:
            raise self._break(TvsReason.OUT_OF_TURN, "the server speaks without being asked")
        return self._left() if self._ended else Signal.PAUSED

    def _left(self) -> Event:
        if self._turn is Turn.ANSWERING:
            # What the independent tvsd does with every request that it does not like or know.
            raise TvsPeerError(TvsReason.UNANSWERED, "the server closed the connection without an answer")
        return super()._left()

    def _check(self, header: Header) -> None:
        if self._pending is None:
            raise AssertionError("an answer is read only while a request is under way")
        if header.command is not _ANSWER[self._pending.command]:
            asked = self._pending.command.name
            raise TvsPeerError(TvsReason.OUT_OF_TURN, f"{header.command.name} is no answer to {asked}")
        if header.session != self._pending.session:
            raise TvsPeerError(
                TvsReason.WRONG_SESSION, f"the answer is to session {header.session}, not {self._pending.session}"
            )

    def _heard(self, header: Header) -> None:
        del header
        self._answered()


class TvsServerMachine(_Machine):
    """The side that answers."""

    _listens = Turn.ASKING

    def send(self, response: Response) -> bytes:
        """Return the bytes that answer; the caller closes the connection when `next_event` then says CLOSED.

        Raises:
            TvsLocalError: nothing was asked, something else was, or the response cannot be written.
        """
        if not isinstance(response, VerifyResponse | QueryResponse):
            raise TvsLocalError("a server sends responses")
        if self._turn is not Turn.ANSWERING or self._pending is None:
            raise TvsLocalError(f"a response may not be sent now: the conversation is {self._turn.value}")
        frame = response.to_frame(self._dialect)
        if (frame.command, frame.session) != (_ANSWER[self._pending.command], self._pending.session):
            raise TvsLocalError("the response is not to the request that was made")
        data = frame.encode()
        self._answered()
        return data

    def _check(self, header: Header) -> None:
        if header.command not in _ANSWER:
            raise TvsPeerError(TvsReason.OUT_OF_TURN, f"{header.command.name} is no request")

    def _heard(self, header: Header) -> None:
        self._pending = header
        self._go(_Step.REQUEST)
