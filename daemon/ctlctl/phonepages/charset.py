"""From the bytes of a page to its text: firmware declares many charsets, and not always the one that it uses."""

import codecs
import re
from collections.abc import Iterator
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Final

# Charsets that are text and nothing else, as Python's modules call them. Not any codec that Python has: some of them
# compress, and some take quadratic time; and no name from the network is looked up anywhere but here.
_KNOWN: Final = frozenset(
    {
        "latin_1",
        *(f"iso8859_{number}" for number in (*range(2, 12), 13, 14, 15, 16)),
        *(f"cp125{number}" for number in range(9)),
        *("ascii", "utf_8", "utf_16", "utf_16_le", "utf_16_be", "koi8_r", "koi8_u", "tis_620", "cp874"),
        *("shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr", "cp949"),
    }
)
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Bytes at the start in which a page says its charset (HTML: "within the first 1024 bytes").
_HEAD: Final = 1024
_IN_TYPE: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_IN_XML: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_IN_META: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def decode(content: bytes, content_type: str = "") -> str:
    """Return the text of a page; bytes that are none in its charset stand as U+FFFD.

    A charset that is declared and does not hold is passed over for the next one that does; what none explains is read
    as Windows-1252, as browsers do.

    Args:
        content: The page.
        content_type: What the HTTP header of that name says, or "".
    """
    for name in _candidates(content, content_type):
        try:
            return content.decode(name)
        except UnicodeDecodeError as error:
            if name == "utf-8" and error.reason == "unexpected end of data":
                # Cut in the middle of a character: what stands before it is text all the same.
                return content[: error.start].decode(name)
    return content.decode("cp1252", "replace")


def _candidates(content: bytes, content_type: str) -> Iterator[str]:
    for mark, name in _MARKS:
        if content.startswith(mark):
            yield "utf-8-sig" if mark == codecs.BOM_UTF8 else name
    # UTF-8 proves itself: text of another charset that has any letter beyond ASCII is almost never valid in it.
    if not content.isascii() or not _is_wide(content):
        yield "utf-8"
    head = content[:_HEAD]
    declared = [found.group(1) for found in (_IN_XML.search(head), _IN_META.search(head)) if found]
    told = _IN_TYPE.search(content_type)
    for name in (*(each.decode("ascii", "replace") for each in declared), *([told.group(1)] if told else ())):
        known = _known(name)
        if known is not None:
            yield known


def _is_wide(content: bytes) -> bool:
    # ASCII bytes only, and zeros or escapes among them: UTF-16 without its mark, or ISO-2022.
    return b"\0" in content[:_HEAD] or b"\x1b" in content


def _known(name: str) -> str | None:
    spelled = normalize_encoding(name).lower()
    found = aliases.get(spelled, spelled)
    return found if found in _KNOWN else None
