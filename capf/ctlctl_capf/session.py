"""What client and server sessions share: a queue of steps, one question at a time, and an error that comes last."""

from collections import deque
from typing import Generic, TypeVar

from ctlctl_capf.conversation import Conversation, Signal
from ctlctl_capf.dialect import Dialect
from ctlctl_capf.frame import CapfLocalError, CapfPeerError
from ctlctl_capf.messages import Message
from ctlctl_capf.outcome import Finished, NeedData, Outcome, Send
from ctlctl_capf.states import WAITS, Side, State

StepT = TypeVar("StepT")
QuestionT = TypeVar("QuestionT")


class Session(Generic[StepT]):
    """One side of a session that decides what to say; drive it by `next_step` until it is `Finished` or raises."""

    def __init__(self, side: Side, dialect: Dialect) -> None:
        self._conversation = Conversation(side, dialect)
        self._queue: deque[Send] = deque()
        self._asked: StepT | None = None
        self._finished: Finished | None = None
        self._error: CapfPeerError | None = None

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._conversation.state

    def receive_data(self, data: bytes) -> None:
        """Take what came from the peer: a piece of any size, or ``b""`` where it has ended the connection.

        Nothing is raised here; a stream that is no CAPF is told by `next_step`.
        """
        if self._error is not None or self._finished is not None:
            return
        try:
            self._conversation.receive_data(data)
        except CapfPeerError as error:
            self._fail(error)

    def next_step(self) -> StepT | Send | NeedData | Finished:
        """Return what has to be done next.

        A question is asked until it is answered, a `Finished` comes for good.

        Raises:
            CapfPeerError: what the peer does is against the protocol; whatever there was to say to it has been given
                out before. Every later call raises the same again.
            CapfLocalError: a credential does not fit into a message. No other exception, but what a credential's
                ``sign`` raises.
        """
        while True:
            if self._queue:
                return self._queue.popleft()
            if self._error is not None:
                raise self._error
            if self._asked is not None:
                return self._asked
            if self._finished is not None:
                return self._finished
            try:
                event = self._conversation.next_event()
                if event is Signal.NEED_DATA:
                    return NeedData(self.state, WAITS[self.state])
                if isinstance(event, Signal):
                    raise AssertionError(  # noqa: TRY004 - a bug of ours, not a wrong type
                        "a session speaks when it is its turn, and ends by a message"
                    )
                self._heard(event)
            except CapfPeerError as error:
                self._fail(error)

    def _heard(self, message: Message) -> None:
        """Act on a message."""
        raise NotImplementedError

    def _farewell(self, error: CapfPeerError) -> None:
        """Say what there is to say to a peer that has broken the protocol."""

    def _fail(self, error: CapfPeerError) -> None:
        if self._error is None:
            self._error = error
            self._asked = None
            self._farewell(error)

    def _say(self, message: Message) -> None:
        self._queue.append(Send(self._conversation.send(message)))
        self._asked = None

    def _answered(self, kind: type[QuestionT]) -> QuestionT:
        """Return the question that is being answered; it stands until something is said or asked."""
        if not isinstance(self._asked, kind) or self._queue:
            asked = "nothing" if self._asked is None else type(self._asked).__name__
            raise CapfLocalError(f"what answers {kind.__name__} does not fit: {asked} is asked")
        return self._asked

    def _finish(self, outcome: Outcome) -> None:
        self._finished = Finished(outcome)
