"""A secret is shown by nothing but `reveal`."""

import copy
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlctl.connectors.axl_ports import AxlSettings
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris_ports import RisSettings
from ctlctl.connectors.secret import Secret, redact

WORD = "hunter2-Ω"


@dataclass
class Holder:
    name: str
    password: Secret


def test_only_reveal_gives_it_out() -> None:
    assert Secret(WORD).reveal() == WORD


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "{:>40}".format, "{!r}".format, lambda one: f"{one}", lambda one: repr([one, {1: one}])],
)
def test_nothing_else_shows_it(show: Callable[[Secret], str]) -> None:
    assert WORD not in show(Secret(WORD))
    assert "Secret" in show(Secret(WORD))


def test_what_holds_it_does_not_show_it() -> None:
    holder = Holder("someone", Secret(WORD))
    assert WORD not in repr(holder)
    shown = traceback.TracebackException.from_exception(ValueError(holder, holder.password))
    assert WORD not in "".join(shown.format())


@pytest.mark.parametrize("kind", [AxlSettings, RisSettings])
def test_settings_do_not_show_it(kind: type[AxlSettings] | type[RisSettings]) -> None:
    made = kind(cluster="c", host="h", username="u", password=Secret(WORD), tls=TlsTrust())
    assert WORD not in repr(made)
    assert "password" not in repr(made)


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_does_not_travel(leave: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError, match="cannot be pickled") as caught:
        leave(Secret(WORD))
    assert WORD not in str(caught.value)


def test_equality_needs_the_same_secret_and_a_hash_tells_nothing() -> None:
    assert Secret(WORD) == Secret(WORD)
    assert Secret(WORD) != Secret("other")
    assert Secret(WORD) != WORD
    assert hash(Secret(WORD)) == hash(Secret("other"))
    assert Secret(WORD)
    assert not Secret("")


@given(st.text(max_size=40), st.lists(st.text("abcdef0123", min_size=6, max_size=12), max_size=3), st.text(max_size=40))
def test_redacted_words_hold_no_secret(before: str, secrets: list[str], after: str) -> None:
    said = before + "".join(secrets) + after
    clean = redact(said, tuple(Secret(one) for one in secrets))
    assert not any(one in clean for one in secrets)


def test_an_empty_secret_hides_nothing() -> None:
    assert redact("all of it", (Secret(""),)) == "all of it"
    assert redact("it is 12345.", (Secret("12345"),)) == "it is [secret]."
