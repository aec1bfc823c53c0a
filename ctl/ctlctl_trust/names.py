"""Distinguished names as trust lists spell them.

CUCM writes ``CN=…;OU=…;O=…;L=…;ST=…;C=…`` in this fixed order whatever the certificate's own order is (seen in a
genuine list of 2015); the independent writer uses commas in the certificate's order; lists made with hardware
tokens use lower-case Windows spelling with stray quotes. A name in a list is therefore never compared letter
by letter alone.
"""

from collections import Counter
from collections.abc import Iterable
from enum import Enum

#: Attribute names in the order in which CUCM writes them.
CUCM_ORDER = ("CN", "OU", "O", "L", "ST", "C")
_ALIASES = {"S": "ST"}
_KNOWN = frozenset(CUCM_ORDER)

#: A certificate name: (attribute short name or dotted OID, value) pairs in the certificate's order.
NamePairs = tuple[tuple[str, str], ...]
#: What a name means whatever its spelling: how often each (attribute, folded value) stands in it.
ComparableName = Counter[tuple[str, str]]


class NameMatch(Enum):
    """How the text in a list relates to the name in a certificate."""

    SAME = "same"
    SPELLING = "spelling"
    DIFFERENT = "different"


def cucm_spelling(name: NamePairs) -> str:
    """Return ``name`` as CUCM writes it: semicolons, fixed order, attributes it does not use left out."""
    return ";".join(f"{key}={value}" for wanted in CUCM_ORDER for key, value in name if key == wanted)


def comma_spelling(name: NamePairs) -> str:
    """Return ``name`` as the independent writer spells it: commas, in the certificate's order."""
    return ",".join(f"{key}={value}" for key, value in name)


def _split(text: str) -> list[tuple[str, str]]:
    """Split a spelled name at whichever separator it uses; a value may itself hold the other one."""
    separator = ";" if ";" in text else ","
    pairs: list[tuple[str, list[str]]] = []
    for piece in text.split(separator):
        key, equals, value = piece.partition("=")
        key = key.strip().upper()
        if equals and key.replace(".", "").isalnum() and " " not in key:
            pairs.append((_ALIASES.get(key, key), [value]))
        elif pairs:
            pairs[-1][1].append(piece)
    return [(key, separator.join(pieces)) for key, pieces in pairs]


def _folded(value: str) -> str:
    return " ".join(value.replace('"', "").replace("\\", "").split()).casefold()


def _comparable(pairs: Iterable[tuple[str, str]]) -> ComparableName:
    return Counter((key, _folded(value)) for key, value in pairs if key in _KNOWN)


def compare_name(text: str, name: NamePairs) -> NameMatch:
    """Compare the text of a list with a certificate's name.

    Args:
        text: SUBJECTNAME, ISSUERNAME, SIGNERNAME or CANAME without its NUL.
        name: the certificate's name.

    Returns:
        SAME for one of the two known spellings; SPELLING when only case, order, quotes or blanks differ;
        DIFFERENT otherwise.
    """
    if text in (cucm_spelling(name), comma_spelling(name)):
        return NameMatch.SAME
    mine = _comparable(_split(text))
    return NameMatch.SPELLING if mine and mine == _comparable(name) else NameMatch.DIFFERENT


def is_cut_short(text: str, name: NamePairs) -> bool:
    """Tell whether ``text`` is the certificate's name with attributes left out or cut at their end.

    Writers of hardware-token lists do that (Cisco document 118892: ``o="Cisco Systems``). The CN must be there.
    """
    own = [(key, _folded(value)) for key, value in name]
    mine = [(key, _folded(value)) for key, value in _split(text)]
    return any(key == "CN" for key, _ in mine) and all(
        bool(value) and any(key == other and whole.startswith(value) for other, whole in own) for key, value in mine
    )


def comparable(text: str) -> ComparableName:
    """Return what a spelled name means, to hold against others; empty when it means nothing."""
    return _comparable(_split(text))


def same_spelled(one: str, other: str) -> bool:
    """Tell whether two spelled names mean the same, whatever their spelling."""
    if one == other:
        return True
    mine = comparable(one)
    return bool(mine) and mine == comparable(other)
