"""Families of phone models, and which models know no ITL.

By the names that AXL gives, which change a little between releases: the four digits decide where there are any.
"""

import re
from functools import lru_cache
from typing import Final

_DIGITS: Final = re.compile(r"(?:^|[ -])(\d{4})(?!\d)")
#: Models that belong to another family than their first two digits say.
_ODD: Final = {"8875": "9800"}
_SERIES: Final = {
    "39": "3900",
    "69": "6900",
    "78": "7800",
    "79": "7900",
    "88": "8800",
    "89": "8900",
    "98": "9800",
    "99": "9900",
}
_WORDS: Final = (
    (re.compile(r"\bATA\b"), "ATA"),
    (re.compile(r"^(?:Cisco )?8[46]0$"), "800"),
    (
        re.compile(r"Client Services|Dual Mode|Jabber|Communicator\b|VDI Svc|\bCSF\b|Webex App", re.IGNORECASE),
        "Jabber/soft",
    ),
    (re.compile(r"\bDX(?:650|70|80)\b|\bCius\b"), "DX"),
    (re.compile(r"TelePresence|Webex|Spark|\bRoom\b|\bBoard\b|\bDesk\b"), "TelePresence"),
    (re.compile(r"Analog|BRI Phone|VGC"), "analog"),
    (re.compile(r"Third-party|IP-DECT|IP-STE", re.IGNORECASE), "third-party"),
)
#: Phones that download no ITL and cannot ask TVS (Cisco document 118893 names the 7940 and 7960; the others, older or
#: not Cisco's, have no such firmware at all).
_NO_ITL: Final = frozenset(
    {"3905", "3911", "3951", "7902", "7905", "7910", "7912", "7920", "7935", "7936", "7940", "7960", "7985"}
)


@lru_cache(maxsize=512)
def model_family(model: str) -> str:
    """Return the family of a model, such as "8800" for a "Cisco 8841"; "other" where it has none."""
    for pattern, family in _WORDS:
        if pattern.search(model):
            return family
    found = _DIGITS.search(model)
    if found is None:
        return "other"
    return _ODD.get(found[1]) or _SERIES.get(found[1][:2], "other")


@lru_cache(maxsize=512)
def knows_itl(model: str) -> bool:
    """Tell whether phones of a model download an ITL and ask TVS; True also where that is not known."""
    if model_family(model) in {"analog", "third-party"} or "ATA 186" in model:
        return False
    found = _DIGITS.search(model)
    return found is None or found[1] not in _NO_ITL
