"""What is counted of phones, and the small helpers that findings speak with."""

from collections import Counter
from dataclasses import replace

import pytest

from ctlctl.assess.families import knows_itl, model_family
from ctlctl.assess.model import ClusterCode, FindingSeverity
from ctlctl.assess.words import ago, count, day, ends, listed, minute, moment, month, shares, span
from ctlctl.inventory.values import CapfProfileFact
from support.smallsnapshot import DAY, NOW, POLICY, codes, found, healthy, judged, phone, without_lsc

FAMILIES = {
    "Cisco 7841": "7800",
    "Cisco 7832": "7800",
    "Cisco 7962": "7900",
    "Cisco 7941G-GE": "7900",
    "Cisco 8841": "8800",
    "Cisco 8851NR": "8800",
    "Cisco 8832": "8800",
    "Cisco 8875": "9800",
    "Cisco 9871": "9800",
    "Cisco 8961": "8900",
    "Cisco 9971": "9900",
    "Cisco 6921": "6900",
    "Cisco 3905": "3900",
    "Cisco 840": "800",
    "Cisco 860": "800",
    "Cisco ATA 191": "ATA",
    "Cisco IP Communicator": "Jabber/soft",
    "Cisco Unified Client Services Framework": "Jabber/soft",
    "Cisco Dual Mode for iPhone": "Jabber/soft",
    "Cisco Jabber for Tablet": "Jabber/soft",
    "Cisco Webex VDI Svc Framework": "Jabber/soft",
    "Cisco DX650": "DX",
    "Cisco Webex DX80": "DX",
    "Cisco TelePresence SX20": "TelePresence",
    "Cisco TelePresence Codec C90": "TelePresence",
    "Cisco Webex Room Kit Pro": "TelePresence",
    "Cisco Webex Board 55": "TelePresence",
    "Cisco Webex Desk Pro": "TelePresence",
    "Analog Phone": "analog",
    "Third-party SIP Device (Advanced)": "third-party",
    "": "other",
    "CTI Port": "other",
    "Cisco 1234": "other",
    "Cisco 88412": "other",
}


@pytest.mark.parametrize(("model", "family"), list(FAMILIES.items()))
def test_families(model: str, family: str) -> None:
    assert model_family(model) == family


def test_who_knows_an_itl() -> None:
    without = {"Cisco 7940", "Cisco 7960", "Cisco ATA 186", "Analog Phone", "Third-party SIP Device (Basic)"}
    assert not any(knows_itl(model) for model in without)
    assert all(knows_itl(model) for model in ("Cisco 7962", "Cisco 8841", "Cisco ATA 191", "Something new"))


def test_numbers_of_a_mixed_fleet() -> None:
    phones = (
        phone("SEP1", lsc_valid_until=NOW + 20 * DAY),
        phone("SEP2", lsc_valid_until=NOW + 100 * DAY, lsc_issuer="CN=CAPF-0badcafe"),
        phone("SEP3", lsc_valid_until=NOW - DAY, status="UnRegistered"),
        phone("SEP4", lsc_issuer=None, capf_status="Operation Pending", capf_since=NOW - 60),
        without_lsc("SEP5", security_mode="Authenticated", registration=None),
        without_lsc("SEP6", security_mode="Non Secure", model="Cisco 7960", status="Unknown"),
        without_lsc("SEP7", security_mode="Quantum", capf_status=None),
        without_lsc("SEP8", security_mode=None),
    )
    profiles = (
        CapfProfileFact("application-user", "1", "a", "i", None, "Upgrade Success", "", NOW),
        CapfProfileFact("end-user", "2", "b", "i", None, None, "", NOW),
        CapfProfileFact("robot", "3", "c", "i", None, "Operation Pending", "", NOW - 9 * DAY),
    )
    numbers = judged(replace(healthy(), phones=phones, profiles=profiles, retired=7)).numbers
    assert numbers.phones == {
        ("lsc-expiring", "Encrypted", "8800"): 1,
        ("lsc", "Encrypted", "8800"): 2,
        ("lsc-expired", "Encrypted", "8800"): 1,
        ("mic-suspected", "Authenticated", "8800"): 1,
        ("none", "Non Secure", "7900"): 1,
        ("unknown", "other", "8800"): 1,
        ("unknown", "unknown", "8800"): 1,
    }
    assert numbers.registrations == {"Registered": 5, "UnRegistered": 1, "NotAsked": 1, "Unknown": 1}
    assert numbers.lsc_expiring == {30: 1, 90: 1, 180: 2, 365: 2}
    assert numbers.lsc_by_issuer == {"CAPF-1a2b3c4d": 2, "CAPF-0badcafe": 1, "unknown": 1}
    assert numbers.lsc_by_month == {"2026-11": 1, "2026-12": 1, "2027-03": 1, "2031-01": 1}
    assert numbers.capf == {
        ("phone", "Upgrade Success"): 6,
        ("phone", "Operation Pending"): 1,
        ("phone", "unknown"): 1,
        ("appuser", "Upgrade Success"): 1,
        ("enduser", "unknown"): 1,
        ("other", "Operation Pending"): 1,
    }
    assert numbers.not_taken == {"ctl": 0, "itl": 0}
    assert numbers.retired == 7


def test_nonsense_does_not_make_numbers_grow() -> None:
    phones = tuple(
        phone(f"SEP{n}", status=f"word {n}", lsc_issuer=f"CN=CA {n}", lsc_valid_until=n * 10**9, capf_status=f"x{n}")
        for n in range(300)
    )
    numbers = judged(replace(healthy(), phones=phones)).numbers
    for mapping in (numbers.phones, numbers.registrations, numbers.lsc_by_issuer, numbers.lsc_by_month, numbers.capf):
        assert sum(mapping.values()) in {300, 301}
        assert len(mapping) <= 100


def test_views_keep_the_order() -> None:
    phones = tuple(phone(f"SEP{n}") for n in (3, 1, 2))
    assert [view.name for view in judged(replace(healthy(), phones=phones)).phones] == ["SEP3", "SEP1", "SEP2"]


def test_half_of_all_lscs_within_45_days_are_a_cliff() -> None:
    crowd = [phone(f"SEPA{n}", lsc_valid_until=NOW + (100 + 6 * n) * DAY) for n in range(7)]
    rest = [phone(f"SEPB{n}", lsc_valid_until=NOW + 400 * DAY) for n in range(6)]
    cliff = found(replace(healthy(), phones=(*crowd, *rest)))["lsc-cliff", ""]
    assert cliff.count == 7
    assert cliff.summary.startswith(
        "7 of 13 LSCs end between 2027-03-03 and 2027-04-08, most in 2027-03; at 9,000 a night"
    )
    assert "1 night, start by 2027-02-23" in cliff.summary
    rest += [phone("SEPC", lsc_valid_until=NOW + 400 * DAY)]
    assert ClusterCode.LSC_CLIFF not in codes(replace(healthy(), phones=(*crowd, *rest)))
    soon = [phone(f"SEPA{n}", lsc_valid_until=NOW + n * DAY) for n in range(1, 7)]
    assert "start now" in found(replace(healthy(), phones=tuple(soon)))["lsc-cliff", ""].summary


def test_the_longest_lsc_is_looked_at_over_a_year() -> None:
    crowd = tuple(phone(f"SEP{n}", lsc_valid_until=NOW + 370 * DAY) for n in range(9))
    assert ClusterCode.LSC_CLIFF not in codes(replace(healthy(), phones=crowd), replace(POLICY, phones_per_night=2))


def test_ris_that_has_told_nothing_is_no_good_news() -> None:
    silent = tuple(phone(f"SEP{n}", registration=None) for n in range(4))
    stale = found(replace(healthy(), phones=silent))["source-stale", "ris"]
    assert stale.summary == "RIS has told nothing yet about 4 of 4 phones."


def test_credentials_are_counted_by_what_they_matter() -> None:
    insecure = phone(security_mode="Non Secure", lsc_valid_until=NOW - DAY)
    got = found(replace(healthy(), phones=(insecure,)))
    assert set(got) == {("lsc-expired", "non-secure")}
    assert got["lsc-expired", "non-secure"].severity is FindingSeverity.INFO


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than 1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (7800, "2 h 10 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 d"),
        (-7200, "2 h"),
        (86_400 * 4000, "4,000 d"),
    ],
)
def test_spans(seconds: int, words: str) -> None:
    assert span(seconds) == words


def test_words() -> None:
    assert (day(NOW), minute(NOW), month(NOW)) == ("2026-11-23", "2026-11-23 00:00Z", "2026-11")
    assert ago(NOW, NOW) == "just now"
    assert ago(NOW, NOW - 60) == "60 s ago"
    assert ago(NOW, NOW + 3 * DAY) == "3 d ahead of this clock"
    assert ends(NOW, NOW + 47 * DAY) == "ends 2027-01-09 (47 d)"
    assert ends(NOW, NOW - 22 * DAY) == "ended 2026-11-01 (22 d ago)"
    assert (count(1, "phone"), count(3912, "phone"), count(0, "is", "are")) == ("1 phone", "3,912 phones", "0 are")
    assert listed([]) == "nothing"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed("abcdef") == "a, b, c, d and 2 more"
    assert shares(Counter({"b": 1, "a": 2000}).items()) == "a: 2,000, b: 1"
    assert shares((str(n), n) for n in range(9)) == "8: 8, 7: 7, 6: 6, 5: 5 and 5 more kinds"
    assert moment(10**30).year == 9999
    assert moment(-(10**30)).year == 1
    assert day(-(10**30)) == "0001-01-01"
