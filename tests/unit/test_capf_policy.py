"""LSC or MIC, when an LSC is renewed, and what an LSC of ours says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from ctlctl_capf import (
    MANUFACTURING_CAS,
    Authorities,
    CapfLocalError,
    CapfPeerError,
    Caution,
    Certainty,
    Classification,
    Decision,
    Held,
    KeyOrder,
    LscPlan,
    Naming,
    Origin,
    OriginCode,
    Pin,
    PinError,
    RenewalCode,
    RenewalPolicy,
    StoreCertificateRequest,
    Verdict,
    classify,
    decide,
    decode,
    issue_lsc,
    origin_of,
    read_pins,
    write_pins,
)
from ctlctl_capf.renewal import spread
from ctlctl_trust import Certificate, read_certificate
from support.capf import SERVER, frames, said, shared_certificate
from support.pki import CertificatePlan, key, plan, rsa_key
from support.vectors import NOW, shared

DAY = timedelta(days=1)
DEVICE = "SEP001122334455"

CAPF = plan("CAPF-1234abcd", "rsa2048-capf", not_before=NOW - 400 * DAY, not_after=NOW + 1425 * DAY)
OLD_CAPF = plan("CAPF-0badcafe", "rsa2048-stranger", not_before=NOW - 2000 * DAY, not_after=NOW + 200 * DAY)
MAKER = plan("Cisco Manufacturing CA", "rsa2048-tvs", not_after=datetime(2029, 5, 14, tzinfo=UTC))
ROOM = Authorities((CAPF.read(), OLD_CAPF.read()), (Pin.of(MAKER.read()),))


def issued(by: CertificatePlan, name: str = DEVICE, key_name: str = "rsa2048-phone", **changes: object) -> Certificate:
    leaf = plan(name, key_name, issuer=by.subject, issuer_key=by.key_name, not_after=NOW + 1000 * DAY)
    return leaf.but(**changes).read()


class TestOrigin:
    def test_by_the_key_of_the_issuer(self) -> None:
        lsc = classify(issued(CAPF), ROOM)
        assert (lsc.origin, lsc.code, lsc.issuer) == (Origin.LSC, OriginCode.ISSUED_BY_CAPF, CAPF.read())
        assert classify(issued(OLD_CAPF), ROOM).issuer == OLD_CAPF.read()
        mic = classify(issued(MAKER), ROOM, [CAPF.read(), MAKER.read()])
        assert (mic.origin, mic.code, mic.issuer) == (Origin.MIC, OriginCode.ISSUED_BY_MANUFACTURER, MAKER.read())
        assert "Cisco Manufacturing CA" in mic.words

    def test_by_the_fingerprint_of_the_issuer(self) -> None:
        for maker, origin in ((CAPF, Origin.LSC), (OLD_CAPF, Origin.LSC), (MAKER, Origin.MIC)):
            assert origin_of(sha256(maker.encode()).digest(), ROOM) is origin
        assert origin_of(bytes(32), ROOM) is Origin.UNKNOWN

    def test_never_by_names(self) -> None:
        """Somebody's CA that bears the name of a manufacturer or of our CAPF."""
        false_maker = plan("Cisco Manufacturing CA", "rsa2048-sub1")
        false_capf = plan("CAPF-1234abcd", "rsa2048-sub1")
        for subject in (DEVICE, f"CP-8861-{DEVICE}"):
            found = classify(issued(false_maker, subject), ROOM, [false_maker.read(), MAKER.read()])
            assert (found.origin, found.code) == (Origin.UNKNOWN, OriginCode.UNPROVEN_MANUFACTURER)
            found = classify(issued(false_capf, subject), ROOM, [false_capf.read()])
            assert (found.origin, found.code) == (Origin.UNKNOWN, OriginCode.UNKNOWN_CAPF)

    def test_a_pinned_ca_that_is_not_at_hand_proves_nothing(self) -> None:
        assert classify(issued(MAKER), ROOM).code is OriginCode.UNPROVEN_MANUFACTURER

    def test_a_ca_at_hand_that_is_not_pinned_proves_nothing(self) -> None:
        bare = Authorities(ROOM.capfs)
        assert classify(issued(MAKER), bare, [MAKER.read()]).origin is Origin.UNKNOWN

    def test_others(self) -> None:
        assert classify(issued(plan("Example CA", "rsa2048-sub1")), ROOM).code is OriginCode.UNKNOWN_ISSUER
        assert classify(plan(DEVICE, "rsa2048-phone").read(), ROOM).code is OriginCode.SELF_SIGNED
        nameless = issued(plan("x", "rsa2048-sub1").but(subject=b"\x30\x00"))
        assert "nobody" in classify(nameless, ROOM).words
        rude = issued(plan("Ex\x1b[31m" + "x" * 300, "rsa2048-sub1"))
        words = classify(rude, ROOM).words
        assert words.isprintable()
        assert len(words) < 300

    @pytest.mark.parametrize("serial", [0, -5])
    def test_a_certificate_that_strict_readers_refuse_comes_from_nobody(self, serial: int) -> None:
        assert classify(issued(CAPF, serial=serial), ROOM).origin is Origin.UNKNOWN

    def test_another_ca_that_signs_in_the_place_of_capf(self) -> None:
        outside = plan("Example Issuing CA", "rsa2048-sub1")
        assert classify(issued(outside), Authorities((outside.read(),))).origin is Origin.LSC


class TestPins:
    def test_table(self) -> None:
        first, second = Pin.of(MAKER.read()), Pin.of(CAPF.read())
        table = f"# pinned on the day we opened the boxes\n\n{first}\n  {second.sha256.hex()}   ours  \n"
        assert read_pins(table) == (first, replace(second, name="ours"))
        assert read_pins(write_pins([first, second])) == (first, second)
        assert first.sha256 == sha256(MAKER.encode()).digest()

    @pytest.mark.parametrize(
        ("table", "where"),
        [
            ("xyz name", "line 1: no fingerprint"),
            ("# a\nAABB name", "line 2: a SHA-256 fingerprint has 32 bytes, not 2"),
            ("00" * 32, "line 1: no name"),
            (f"{'00' * 32} a\n{'00:' * 31}00 b", "line 2: the fingerprint of a stands twice"),
            ("#" * 300_000, "at most"),
        ],
    )
    def test_what_is_none(self, table: str, where: str) -> None:
        with pytest.raises(PinError, match=where):
            read_pins(table)

    def test_names_that_are_known(self) -> None:
        known = {ca.name: ca for ca in MANUFACTURING_CAS}
        sha2, first = known["Cisco Manufacturing CA SHA2"], known["Cisco Manufacturing CA"]
        assert (sha2.not_after, sha2.certainty) == (datetime(2037, 11, 12, 13, 0, 17, tzinfo=UTC), Certainty.PARSED)
        assert (first.not_after, first.certainty) == (datetime(2029, 5, 14, 20, 25, 42, tzinfo=UTC), Certainty.PARSED)
        assert known["CAP-RTP-001"].certainty is Certainty.UNPROVEN
        for ca in MANUFACTURING_CAS:
            assert (ca.not_after is None) == (ca.certainty is Certainty.UNKNOWN)


def held(certificate: Certificate, *, seen: CertificatePlan = MAKER) -> Held:
    return Held(certificate, classify(certificate, ROOM, [seen.read()]))


def decision(
    certificate: Certificate | None, policy: RenewalPolicy | None = None, capf: Certificate | None = ROOM.capfs[0]
) -> Decision:
    return decide(DEVICE, None if certificate is None else held(certificate), capf, NOW, policy)


NO_JITTER = RenewalPolicy(jitter=timedelta())


class TestRenewal:
    def test_not_due_until(self) -> None:
        lsc = issued(CAPF, not_before=NOW - 500 * DAY, not_after=NOW + 500 * DAY)
        found = decision(lsc, NO_JITTER)
        assert (found.verdict, found.code) == (Verdict.NOT_DUE, RenewalCode.NOT_YET)
        assert found.until == lsc.not_after - 90 * DAY
        assert found.until is not None
        assert decide(DEVICE, held(lsc), ROOM.capfs[0], found.until, NO_JITTER).verdict is Verdict.DUE
        earlier = decide(DEVICE, held(lsc), ROOM.capfs[0], NOW).until
        assert earlier == found.until - spread(DEVICE, 30 * DAY)

    @pytest.mark.parametrize(
        ("certificate", "code"),
        [
            (None, RenewalCode.NO_CERTIFICATE),
            (issued(MAKER), RenewalCode.MIC_ONLY),
            (issued(CAPF, not_before=NOW - 900 * DAY, not_after=NOW - DAY), RenewalCode.EXPIRED),
            (issued(CAPF, not_before=NOW - 900 * DAY, not_after=NOW + 80 * DAY), RenewalCode.IN_WINDOW),
            (issued(OLD_CAPF), RenewalCode.OLD_GENERATION),
            (issued(CAPF, key_name="rsa1024-a"), RenewalCode.KEY_POLICY),
        ],
    )
    def test_due(self, certificate: Certificate | None, code: RenewalCode) -> None:
        found = decision(certificate)
        assert (found.verdict, found.code, found.until) == (Verdict.DUE, code, None)

    def test_a_capf_that_has_ended_ends_its_lscs(self) -> None:
        ended = OLD_CAPF.but(not_after=NOW - DAY)
        lsc = issued(ended)
        found = decide(DEVICE, Held(lsc, classify(lsc, Authorities((ended.read(),)))), CAPF.read(), NOW)
        assert (found.verdict, found.code, found.end) == (Verdict.DUE, RenewalCode.ISSUER_EXPIRED, NOW - DAY)
        assert found.cautions == (Caution.OUTLIVES_ISSUER, Caution.WILL_OUTLIVE_ISSUER)

    def test_key_policy(self) -> None:
        elliptic = RenewalPolicy(key=KeyOrder.ec(1))  # type: ignore[arg-type]  # the number of the wire will do
        assert decision(issued(CAPF, key_name="ec384"), elliptic).verdict is Verdict.NOT_DUE
        found = decision(issued(CAPF), elliptic)
        assert (found.code, "EC secp384r1" in found.words) == (RenewalCode.KEY_POLICY, True)
        assert decision(issued(CAPF, key_name="rsa1024-a"), RenewalPolicy(least_rsa=1024)).verdict is Verdict.NOT_DUE

    def test_the_earlier_of_both_ends_counts_and_is_warned_of(self) -> None:
        lsc = issued(CAPF, not_before=NOW - 10 * DAY, not_after=NOW + 1815 * DAY)
        found = decision(lsc, NO_JITTER)
        assert found.end == CAPF.not_after
        assert found.until == CAPF.not_after - 90 * DAY
        assert found.cautions == (Caution.OUTLIVES_ISSUER,)

    @pytest.mark.parametrize(("days", "verdict"), [(366, Verdict.DUE), (364, Verdict.REFUSED), (-1, Verdict.REFUSED)])
    def test_refused_only_where_capf_itself_ends_soon(self, days: int, verdict: Verdict) -> None:
        capf = CAPF.but(not_after=NOW + days * DAY).read()
        assert decision(None, capf=capf).verdict is verdict
        assert (decision(None, capf=capf).code is RenewalCode.CAPF_REST) == (verdict is Verdict.REFUSED)
        lax = RenewalPolicy(capf_rest=timedelta())
        assert decision(None, lax, capf).verdict is (Verdict.DUE if days > 0 else Verdict.REFUSED)

    def test_what_gains_nothing_is_not_done(self) -> None:
        """CAPF's certificate ends both the old and the new LSC: renewing would go round for ever."""
        short = CAPF.but(not_after=NOW + 60 * DAY)
        lsc = issued(short)
        policy = RenewalPolicy(capf_rest=timedelta(), jitter=timedelta())
        found = decide(DEVICE, Held(lsc, classify(lsc, Authorities((short.read(),)))), short.read(), NOW, policy)
        assert (found.verdict, found.code) == (Verdict.REFUSED, RenewalCode.NO_GAIN)

    def test_what_is_not_known_is_said(self) -> None:
        stranger = issued(plan("Example CA", "rsa2048-sub1"))
        found = decision(stranger, capf=None)
        assert (found.verdict, found.end) == (Verdict.NOT_DUE, stranger.not_after)
        assert found.cautions == (Caution.UNKNOWN_ISSUER, Caution.UNKNOWN_CAPF)

    def test_a_long_window_does_not_make_short_lives_due_at_once(self) -> None:
        lsc = issued(CAPF, not_before=NOW, not_after=NOW + 30 * DAY)
        found = decision(lsc)
        assert found.until is not None
        assert NOW + 15 * DAY <= found.until <= NOW + 20 * DAY

    def test_we_are_wrong(self) -> None:
        with pytest.raises(CapfLocalError):
            RenewalPolicy(window=-DAY)
        with pytest.raises(CapfLocalError):
            RenewalPolicy(validity=timedelta())
        with pytest.raises(CapfLocalError):
            decide(DEVICE, None, None, NOW.replace(tzinfo=None))

    @given(
        spans=st.tuples(*[st.integers(0, 4000)] * 3),
        validity=st.integers(1, 3560),
        rest=st.integers(-10, 4000),
        name=st.text(max_size=20),
    )
    def test_no_renewal_calls_for_the_next(
        self, spans: tuple[int, int, int], validity: int, rest: int, name: str
    ) -> None:
        """Whatever the policy: what has just been issued is not due, and by its `until` it still has some life."""
        window, jitter, least = spans
        policy = RenewalPolicy(window * DAY, jitter * DAY, validity * DAY, least * DAY)
        capf = CAPF.but(not_after=NOW + rest * DAY).read()
        first = decide(name, None, capf, NOW, policy)
        if first.verdict is Verdict.REFUSED:
            assert rest <= 0 or rest < least
            return
        end = min(NOW + validity * DAY, datetime(2049, 1, 1, tzinfo=UTC))
        lsc = replace(LEAF, not_before=NOW, not_after=end)
        new = Held(lsc, Classification(Origin.LSC, OriginCode.ISSUED_BY_CAPF, "", capf))
        after = decide(name, new, capf, NOW, policy)
        assert after.verdict is Verdict.NOT_DUE
        assert after.until is not None
        assert NOW < after.until <= new.end

    def test_names_are_spread_evenly(self) -> None:
        days = [spread(f"SEP{number:012X}", 30 * DAY) // DAY for number in range(3000)]
        counts = [days.count(day) for day in range(30)]
        assert sum(counts) == 3000
        assert min(counts) > 50
        assert max(counts) < 150


LEAF = issued(CAPF)


def spki(name: str) -> bytes:
    return key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class TestIssuing:
    PLAN = LscPlan(DEVICE, 4711, NOW, NOW + 365 * DAY)

    def test_as_capfd_byte_for_byte(self) -> None:
        """What capfd issued is issued again, with its key."""
        message = next(
            each
            for each in map(decode, frames(said("02_install_rsa2048_nopassword", SERVER)))
            if isinstance(each, StoreCertificateRequest)
        )
        theirs = x509.load_der_x509_certificate(message.certificate.der)
        capf_key = load_pem_private_key(shared("certs/capf.pem"), None)
        assert isinstance(capf_key, RSAPrivateKey)
        again = LscPlan(DEVICE, theirs.serial_number, theirs.not_valid_before_utc, theirs.not_valid_after_utc)
        public = theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert issue_lsc(again, public, shared_certificate("capf").der, capf_key) == message.certificate.der

    def test_as_cucm(self) -> None:
        own = replace(self.PLAN, naming=Naming.CUCM, model="CP-8861", unit="FCH12345678")
        lsc = read_certificate(issue_lsc(own, spki("rsa2048-phone"), CAPF.encode(), rsa_key("rsa2048-capf")))
        assert lsc.subject[0] == ("SERIALNUMBER", "PID:CP-8861 SN:FCH12345678")
        assert lsc.subject[-1] == ("CN", f"CP-8861-{DEVICE}")
        assert lsc.issuer == read_certificate(CAPF.encode()).subject
        assert classify(lsc, ROOM).origin is Origin.LSC
        bare = read_certificate(
            issue_lsc(replace(own, model=""), spki("ec256"), CAPF.encode(), rsa_key("rsa2048-capf"))
        )
        assert (bare.common_name, bare.key_label) == (DEVICE, "EC secp256r1")

    def test_what_cannot_be_issued(self) -> None:
        signer = rsa_key("rsa2048-capf")
        with pytest.raises(CapfPeerError):
            issue_lsc(self.PLAN, b"junk", CAPF.encode(), signer)
        for bad in (
            replace(self.PLAN, serial=0),
            replace(self.PLAN, not_after=NOW - DAY),
            replace(self.PLAN, device=""),
        ):
            with pytest.raises(CapfLocalError, match="cannot be issued"):
                issue_lsc(bad, spki("rsa2048-phone"), CAPF.encode(), signer)
        with pytest.raises(CapfLocalError):
            issue_lsc(self.PLAN, spki("rsa2048-phone"), b"junk", signer)
