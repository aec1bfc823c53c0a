"""Talking with whoever adds a cluster: a person at a terminal, or a script that has said everything beforehand."""

from typing import Protocol

from ctlctl.terminal import pasteable, printable, say
from ctlctl.verify.settings import UsageError


class Dialogue(Protocol):
    """Asks what the command line has not said."""

    def tell(self, text: str) -> None:
        """Say something beside the data."""

    def ask(self, question: str, option: str, default: str | None = None) -> str:
        """Ask for a word; ``option`` is what would have said it."""

    def ask_secret(self, question: str, option: str) -> str:
        """Ask for a secret, unseen."""

    def confirm(self, question: str, option: str) -> bool:
        """Ask whether something is right."""


class Script:
    """Nobody is there to ask: what is missing is a wrong command line."""

    def tell(self, text: str) -> None:
        """Say something on stderr."""
        say(text)

    def ask(self, question: str, option: str, default: str | None = None) -> str:
        """Take the default.

        Raises:
            UsageError: There is none.
        """
        if default is None:
            raise UsageError(f"{question} is not known and nobody is here to be asked: give {option}")
        return default

    def ask_secret(self, question: str, option: str) -> str:
        """Refuse: a secret has no default.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{question} is not known and nobody is here to be asked: give {option}")

    def confirm(self, question: str, option: str) -> bool:
        """Refuse: nobody has looked.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{question} Nobody is here to be asked: give {option}")


class Terminal:
    """A person; questions and what is said beside them stand on stderr."""

    def tell(self, text: str) -> None:
        """Say something."""
        import click  # noqa: PLC0415 - the command line has it, a script need not

        click.echo(printable(pasteable(text)), err=True)

    def ask(self, question: str, option: str, default: str | None = None) -> str:
        """Ask for a word."""
        import click  # noqa: PLC0415 - see above

        del option
        answer: str = click.prompt(printable(question), default=default, err=True, type=str)
        return answer.strip()

    def ask_secret(self, question: str, option: str) -> str:
        """Ask for a secret; nothing of it is shown."""
        import click  # noqa: PLC0415 - see above

        del option
        answer: str = click.prompt(printable(question), hide_input=True, err=True, type=str)
        return answer

    def confirm(self, question: str, option: str) -> bool:
        """Ask whether something is right; only a clear yes is one."""
        import click  # noqa: PLC0415 - see above

        del option
        return click.confirm(printable(question), default=False, err=True)
