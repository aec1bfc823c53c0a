"""What a phone shows: who says so, since when, and what speaks against it."""

from dataclasses import replace

import pytest

from ctlctl.assess.credentials import MANUFACTURING_CAS
from ctlctl.assess.model import ClusterCode, CredentialState, PhoneCredential, Policy
from ctlctl.inventory.values import ClusterFacts, Phone, PhoneProbe, Snapshot
from ctlctl.inventory.words import Source
from support.lists import CAPF, STRANGER
from support.smallsnapshot import (
    CAPF_ENDS,
    DAY,
    LSC_ENDS,
    NOW,
    OLD_CAPF,
    POLICY,
    codes,
    healthy,
    judged,
    phone,
    probe,
    row,
    with_certificates,
    without_lsc,
)

LSC, EXPIRING, EXPIRED = CredentialState.LSC, CredentialState.LSC_EXPIRING, CredentialState.LSC_EXPIRED
MIC, SUSPECTED = CredentialState.MIC, CredentialState.MIC_SUSPECTED
NONE, UNKNOWN = CredentialState.NONE, CredentialState.UNKNOWN
MICCA = "Cisco Manufacturing CA SHA2"


def credential(one: Phone, policy: Policy = POLICY, base: Snapshot | None = None) -> PhoneCredential:
    return judged(replace(base or healthy(), phones=(one,)), policy).phones[0].credential


@pytest.mark.parametrize(
    ("ends", "issuer_ends", "state", "effective"),
    [
        (LSC_ENDS, CAPF_ENDS, LSC, LSC_ENDS),
        (LSC_ENDS, None, LSC, LSC_ENDS),
        (LSC_ENDS, NOW + 5 * DAY, EXPIRING, NOW + 5 * DAY),
        (LSC_ENDS, NOW - 5 * DAY, EXPIRED, NOW - 5 * DAY),
        (NOW + 90 * DAY, CAPF_ENDS, EXPIRING, NOW + 90 * DAY),
        (NOW + 90 * DAY + 1, CAPF_ENDS, LSC, NOW + 90 * DAY + 1),
        (NOW, CAPF_ENDS, EXPIRING, NOW),
        (NOW - 1, CAPF_ENDS, EXPIRED, NOW - 1),
    ],
)
def test_an_lsc_ends_with_its_issuer(
    ends: int, issuer_ends: int | None, state: CredentialState, effective: int
) -> None:
    got = credential(phone(lsc_valid_until=ends, lsc_issuer_valid_until=issuer_ends))
    assert (got.state, got.ends, got.source, got.at) == (state, effective, Source.AXL, NOW - 60)
    assert got.issuer == "CAPF-1a2b3c4d"


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("Encrypted", SUSPECTED),
        ("Authenticated", SUSPECTED),
        ("Non Secure", NONE),
        (None, UNKNOWN),
        ("Quantum", UNKNOWN),
    ],
)
def test_without_a_date_the_profile_tells(mode: str | None, state: CredentialState) -> None:
    assert credential(without_lsc(security_mode=mode)).state is state


@pytest.mark.parametrize("facts", [None, ClusterFacts("10.5.2", "10.5", 1, lsc_columns=False)])
def test_a_database_without_the_columns_knows_nothing(facts: ClusterFacts | None) -> None:
    base = replace(healthy(), facts=facts)
    assert credential(without_lsc(security_mode="Non Secure"), base=base).state is UNKNOWN
    assert credential(phone(), base=base).state is UNKNOWN
    # A look at the phone still tells.
    assert credential(phone(probe=probe()), base=base).state is LSC


def test_a_look_that_agrees_confirms() -> None:
    got = credential(phone(probe=probe()))
    assert (got.state, got.source, got.at) == (LSC, Source.PHONE_TLS, NOW - 3600)
    assert (got.confirmed_by, got.contradiction) == (Source.AXL, None)


@pytest.mark.parametrize("issuer", sorted(MANUFACTURING_CAS))
def test_a_manufacturers_certificate_is_a_mic(issuer: str) -> None:
    got = credential(without_lsc(probe=probe(issuer, not_after=NOW + 700 * DAY)))
    assert (got.state, got.issuer, got.ends, got.mic_ends) == (MIC, issuer, NOW + 700 * DAY, NOW + 700 * DAY)
    assert got.contradiction is None


def test_a_labs_manufacturer_counts_in_a_lab_only() -> None:
    one = without_lsc(probe=probe("LAB Manufacturing CA SHA2"))
    assert credential(one).state is UNKNOWN
    assert credential(one, replace(POLICY, lab=True)).state is MIC


def test_the_subject_never_decides() -> None:
    for subject in ("CAPF-1a2b3c4d", "CP-8841-SEP001122334455", MICCA):
        assert credential(without_lsc(probe=probe("Somebody", subject_cn=subject))).state is UNKNOWN
        assert credential(without_lsc(probe=probe(MICCA, subject_cn=subject))).state is MIC


def test_a_name_alone_makes_no_capf() -> None:
    # Nobody's key verifies it: a foreign cluster's CAPF may have any name.
    got = credential(without_lsc(probe=probe("CAPF-1a2b3c4d")))
    assert got.state is UNKNOWN
    assert got.issuer == "CAPF-1a2b3c4d"


def test_a_former_capf_in_a_store_is_one() -> None:
    base = with_certificates(row(Source.AXL, "pub", "CAPF-trust", OLD_CAPF), row(Source.AXL, "pub", "CAPF-trust", CAPF))
    assert credential(without_lsc(probe=probe(OLD_CAPF)), base=base).state is LSC
    # Another CA of a trust store is none.
    other = with_certificates(row(Source.AXL, "pub", "CAPF-trust", STRANGER))
    assert credential(without_lsc(probe=probe(STRANGER)), base=other).state is UNKNOWN
    # CAPF's own certificate is one, whatever its name: it may come from an outside CA.
    own = with_certificates(row(Source.AXL, "pub", "CAPF", STRANGER))
    assert credential(without_lsc(probe=probe(STRANGER)), base=own).state is LSC


def test_an_outside_ca_that_the_database_knows() -> None:
    one = phone(lsc_issuer="CN=Corporate Issuing CA", lsc_issuer_valid_until=None, probe=probe("Corporate Issuing CA"))
    got = credential(one)
    assert (got.state, got.source, got.confirmed_by) == (LSC, Source.AXL, Source.PHONE_TLS)
    other = replace(one, probe=probe("Another CA"))
    assert credential(other).state is UNKNOWN
    assert "Corporate Issuing CA" in str(credential(other).contradiction)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (phone(probe=probe(MICCA)), "AXL knows an LSC of CAPF-1a2b3c4d that ends 2031-"),
        (phone(probe=probe(not_after=LSC_ENDS + DAY + 1)), "AXL says that the LSC ends 2031-"),
        (without_lsc(probe=probe()), "AXL knows no LSC"),
        (phone(lsc_issuer="CN=CAPF-ffffffff", probe=probe()), "AXL says that CAPF-ffffffff issued the LSC"),
    ],
)
def test_contradictions(one: Phone, words: str) -> None:
    got = credential(one)
    assert got.source is Source.PHONE_TLS
    assert words in str(got.contradiction)
    assert ClusterCode.CREDENTIAL_CONTRADICTION in codes(healthy(phones=(one,)))
    # What the database learned after the look is newer than it.
    newer = replace(one, changed_at=NOW - 60)
    assert credential(newer).contradiction is None
    assert credential(newer).source is Source.AXL


def test_ends_may_differ_by_a_day() -> None:
    assert credential(phone(probe=probe(not_after=LSC_ENDS - DAY))).contradiction is None


def test_a_phone_whose_lsc_has_ended_may_show_its_mic() -> None:
    got = credential(phone(lsc_valid_until=NOW - DAY, probe=probe(MICCA)))
    assert (got.state, got.contradiction) == (MIC, None)


@pytest.mark.parametrize(
    "look",
    [
        PhoneProbe(NOW - 60, "timeout"),
        probe(MICCA, at=NOW - 8 * DAY),
        probe(MICCA, at=NOW + 2 * DAY),
    ],
)
def test_a_look_that_failed_or_is_old_decides_nothing(look: PhoneProbe) -> None:
    got = credential(phone(probe=look))
    assert (got.state, got.source) == (LSC, Source.AXL)


def test_a_look_without_an_end_is_not_good() -> None:
    assert credential(without_lsc(probe=probe(STRANGER, not_after=None))).state is UNKNOWN


def test_phones_on_mic_matter_where_they_need_it() -> None:
    one = without_lsc(probe=probe(MICCA))
    assert ClusterCode.PHONES_ON_MIC in codes(healthy(phones=(one,)))
    relaxed = replace(healthy(phones=(one,)), facts=ClusterFacts("14.0.1", "14.0", 0, lsc_columns=True))
    assert ClusterCode.PHONES_ON_MIC not in codes(relaxed)
