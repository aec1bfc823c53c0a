"""From the rows of a page to facts: the many labels of the few things that matter here.

Labels are those of the phones' administration guides and of public clients of these pages; they are compared without
case, blanks and punctuation. The form of the hashes and the words for "there is none" are printed in no guide, so both
are read tolerantly, and what cannot be read is not known.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from ctlctl.phonepages.charset import decode
from ctlctl.phonepages.facts import PageFacts
from ctlctl.phonepages.rows import rows_of

#: Bytes; the longest page seen has some 20 KB.
MAX_PAGE_BYTES: Final = 256 * 1024
# Characters of a value that is kept.
_MAX_VALUE: Final = 128
_MAX_LABEL: Final = 48


class PageProblem(StrEnum):
    """Why a page tells nothing."""

    LOGIN = "login"
    UNKNOWN = "unknown"
    TOO_LARGE = "too-large"


class PageError(Exception):
    """A page that tells nothing.

    Attributes:
        problem: Why.
    """

    def __init__(self, problem: PageProblem, words: str) -> None:
        super().__init__(words)
        self.problem = problem


_HOST, _MAC, _MODEL, _SERIAL = "host", "mac", "model", "serial"
_APP_LOAD, _VERSION = "app load", "version"
_MODE, _WEB = "mode", "web"
_CTL, _CTL_SIGNATURE, _ITL, _ITL_SIGNATURE = "ctl", "ctl signature", "itl", "itl signature"

#: What each label is about; see docs/phone-web.md for where each was seen.
_LABELS: Final = {
    spelling: field
    for field, spellings in {
        _HOST: ("hostname", "nomdhôte", "nomhôte", "nomsystème"),
        _MAC: ("macaddress", "macアドレス"),
        _MODEL: ("modelnumber", "numérodumodèle"),
        _SERIAL: ("serialnumber",),
        _APP_LOAD: ("apploadid",),
        _VERSION: ("versionid", "version", "softwareversion", "firmwareversion"),
        _MODE: ("securitymode", "devicesecuritymode"),
        _WEB: ("webaccess", "webaccessenabled"),
        _CTL: ("ctlfile", "ctlfilehash", "ctlhash", "ctlfilemd5"),
        _CTL_SIGNATURE: ("ctlsignature", "ctlfilesignature"),
        _ITL: ("itlfile", "itlfilehash", "itlhash", "itlfilemd5"),
        _ITL_SIGNATURE: ("itlsignature", "itlfilesignature"),
    }.items()
    for spelling in spellings
}
_ABSENT: Final = frozenset({"notinstalled", "none", "no", "nofile", "notpresent"})
_HASH_DIGITS: Final = frozenset({32, 40, 64, 128})  # MD5, SHA-1, SHA-256, SHA-512
_ALGORITHM: Final = re.compile(r"\b(?:md5|sha-?(?:1|256|512))\b", re.IGNORECASE)
_AROUND_HASH: Final = str.maketrans("", "", " :.-()[]=")
_HEX: Final = re.compile(r"[0-9a-f]+")
# The name of a firmware load, such as sip88xx.12-0-1-8 or SCCP45.9-4-2SR3-1S.
_LOAD: Final = re.compile(r"[A-Za-z][\w-]*\.[\w.()-]+")
_MAC_ADDRESS: Final = re.compile(
    r"(?:[0-9A-F]{2}[:.-]?){5}[0-9A-F]{2}|(?:[0-9A-F]{4}[.:-]){2}[0-9A-F]{4}", re.IGNORECASE
)
# What only a page has that wants a password; newer firmware sends its form to adapter=loginPost.
_LOGIN: Final = re.compile(r"<input\b[^<>]{0,400}\btype\s*=\s*[\"']?password\b|\badapter=loginPost\b", re.IGNORECASE)


def parse_page(content: bytes, content_type: str = "") -> PageFacts:
    """Read one page of a phone.

    Args:
        content: The page, XML, HTML or text.
        content_type: What the HTTP header of that name says, or "".

    Raises:
        PageError: It asks for a login, has nothing that a phone's page has, or is too large.
    """
    if len(content) > MAX_PAGE_BYTES:
        raise PageError(PageProblem.TOO_LARGE, f"the page has more than {MAX_PAGE_BYTES} bytes")
    text = decode(content, content_type)
    said: dict[str, list[str]] = {}
    for field, value in _said(rows_of(text)):
        said.setdefault(field, []).append(value)
    if said:
        return _facts(said)
    if _LOGIN.search(text):
        raise PageError(PageProblem.LOGIN, "the page asks for a login")
    raise PageError(PageProblem.UNKNOWN, "the page says nothing that a phone's page says")


def read_hash(value: str) -> str | None:
    """Read what stands beside the label of a list.

    Returns:
        The hash in lower-case hexadecimal, "" for words that say that there is no list, None for anything else.
    """
    if _normal(value) in _ABSENT:
        return ""
    digits = _ALGORITHM.sub("", value).translate(_AROUND_HASH).lower()
    return digits if len(digits) in _HASH_DIGITS and _HEX.fullmatch(digits) and digits.strip("0") else None


def _said(rows: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for row in rows:
        for place, cell in enumerate(row[:-1]):
            field = _field(cell)
            if field is None:
                continue
            # Between label and value may be an empty cell. A value that is empty is not the next row's label.
            value = next((each for each in row[place + 1 :] if each), "")
            if _field(value) is None:
                yield field, value[:_MAX_VALUE]


def _field(label: str) -> str | None:
    return _LABELS.get(_normal(label)) if 0 < len(label) <= _MAX_LABEL else None


def _normal(label: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", label).casefold() if char.isalnum())


def _facts(said: dict[str, list[str]]) -> PageFacts:
    ctl = _one(map(read_hash, said.get(_CTL, ())))
    ctl_signature = _one(map(read_hash, said.get(_CTL_SIGNATURE, ())))
    itl = _one(map(read_hash, said.get(_ITL, ())))
    itl_signature = _one(map(read_hash, said.get(_ITL_SIGNATURE, ())))
    return PageFacts(
        host_name=_word(said, _HOST),
        mac=_one(map(_mac, said.get(_MAC, ()))),
        model=_word(said, _MODEL),
        serial=_word(said, _SERIAL),
        load=_load(_word(said, _VERSION), _word(said, _APP_LOAD)),
        security_mode=_word(said, _MODE),
        web_access=_word(said, _WEB),
        ctl_hash=_of_two(ctl, ctl_signature),
        # The guides call "ITL signature" the hash of the ITL; what "ITL file" is they do not say.
        itl_hash=_of_two(itl_signature, itl),
    )


def _word(said: dict[str, list[str]], field: str) -> str | None:
    return _one(value or None for value in said.get(field, ()))


def _one(values: Iterable[str | None]) -> str | None:
    """Return the one thing that was said; None where nothing was, or one thing and another."""
    different = set(values) - {None}
    return different.pop() if len(different) == 1 else None


def _of_two(better: str | None, other: str | None) -> str | None:
    """Return what two rows about one list say together; a list that is there and is not is not known."""
    if better is None or other is None or (better == "") == (other == ""):
        return other if better is None else better
    return None


def _load(version: str | None, app_load: str | None) -> str | None:
    # The version is the load that RIS reports, except on the oldest phones, where it is a number and the other one
    # is the load ("P00308010200" beside "8.1(2.0)").
    if version is not None and _LOAD.fullmatch(version):
        return version
    return app_load or version


def _mac(value: str) -> str | None:
    found = _MAC_ADDRESS.fullmatch(value)
    return None if found is None else re.sub(r"[^0-9A-F]", "", value.upper())
