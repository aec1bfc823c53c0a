"""What is known of phone models and LSCs: which take one, which have a MIC, and the longest key.

From Cisco's guides. What no source states for a model or its family is not in here, and is unknown: a phone that has an
LSC has proved by that that it takes one.
"""

import re
from functools import lru_cache
from typing import Final

_DIGITS: Final = re.compile(r"(?:^|[ -])(\d{4})(?!\d)")
_SHORT: Final = re.compile(r"^Cisco (?:840|860)$")
#: Security Guide (phones with CAPF), administration guides of the families; 7940 and 7960: CIPT2.
_LSC_NUMBERS: Final = (
    "6901 6911 6921 6941 6945 6961 7811 7821 7832 7841 7861 7906 7911 7921 7925 7926 7931 7940 7941 7942 7945 7960 "
    "7961 7962 7965 7970 7971 7975 8811 8821 8831 8832 8841 8845 8851 8861 8865 8875 8941 8945 8961 9811 9841 9851 "
    "9861 9871 9951 9971"
)
_LSC: Final = frozenset(_LSC_NUMBERS.split())
_LSC_NAMES: Final = re.compile(
    r"^Cisco (?:DX650|DX70|DX80|Cius|ATA 191"
    r"|(?:TelePresence|Webex) (?:DX70|DX80|SX\d|MX\d|EX\d|Codec C\d|Quick Set C20)"
    r"|(?:Webex|Spark|TelePresence) (?:Room|Board|Desk)\b|Room (?:Bar|Kit)\b)"
)
#: Clients on computers and mobiles: an LSC, and nothing from a factory (Security Guide).
_SOFT: Final = re.compile(
    r"Client Services Framework|Dual Mode for|Jabber for Tablet|Webex VDI Svc|Unified Personal Communicator"
)
_THIRD_PARTY: Final = re.compile(r"^(?:Third-party |Ascom IP-DECT|IP-STE)")
#: Another client; whether it takes an LSC no source says.
_COMMUNICATOR: Final = "Cisco IP Communicator"
_NO_MIC: Final = frozenset({"7940", "7960"})
#: Bits of the longest RSA key, by the first two digits. No source was found for those below 4096, which are commonly
#: known: nothing is refused by them.
_LONGEST: Final = {"69": 2048, "79": 2048, "89": 2048, "99": 2048, "78": 4096, "88": 4096, "98": 4096}
#: Models of which another longest key is known, or none.
_OTHER_LONGEST: Final = {"7940": 1024, "7960": 1024, "8821": None, "8831": None}


def _number(model: str) -> str | None:
    found = _DIGITS.search(model)
    return None if found is None else found[1]


@lru_cache(maxsize=512)
def takes_lsc(model: str) -> bool | None:
    """Tell whether phones of a model take an LSC through CAPF; None where no source says."""
    if _THIRD_PARTY.search(model):
        return False
    if _number(model) in _LSC or _LSC_NAMES.search(model) or _SOFT.search(model) or _SHORT.search(model):
        return True
    return None


@lru_cache(maxsize=512)
def lacks_mic(model: str) -> bool:
    """Tell whether phones of a model are known to have no factory certificate; False where no source says."""
    if _number(model) in _NO_MIC or model == _COMMUNICATOR:
        return True
    return bool(_SOFT.search(model)) or bool(_THIRD_PARTY.search(model))


@lru_cache(maxsize=512)
def longest_rsa(model: str) -> int | None:
    """Return the bits of the longest RSA key that phones of a model are said to make; None where nobody says."""
    number = _number(model)
    if number is None or number not in _LSC:
        return None
    return _OTHER_LONGEST[number] if number in _OTHER_LONGEST else _LONGEST.get(number[:2])
