"""A value that no log, error, traceback or debugger line shows by accident."""

import hmac
from typing import NoReturn

_SHOWN = "Secret(…)"


class Secret:
    """Holds a password or an authentication string.

    `reveal` alone gives it out, so every place that uses one is found by grep. It is not picklable: secrets do not
    travel to another process inside settings or errors.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for the one call that has to send it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        # A hash of the value would let anyone who sees it test guesses.
        return hash(Secret)

    def __repr__(self) -> str:
        return _SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied elsewhere")


def redact(text: str, secrets: tuple[Secret, ...]) -> str:
    """Take secrets out of words that come from somewhere else.

    Args:
        text: A server's words; some servers repeat what they were sent.
        secrets: What must not be shown. Empty ones are passed over.

    Returns:
        The text with a mark in place of every secret.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), "[secret]")
    return text
