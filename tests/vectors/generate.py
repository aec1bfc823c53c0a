"""Writes this corpus anew from the keys beside it: ``python tests/vectors/generate.py``.

Nothing here is random and nothing is taken from the code under test but its certificate reader, so that a run on any
machine gives the same bytes; a test fails when it does not.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent)]

from ctlctl_trust.signature import SHA1, SHA256  # noqa: E402
from support.lists import (  # noqa: E402 - found only now when this runs as a script
    CAPF,
    PHONE,
    PUB,
    RECOVERY,
    SIGNED_AT,
    SMALL_CAPF,
    SMALL_PUB,
    SMALL_RECOVERY,
    SMALL_STRANGER,
    SMALL_SUB,
    STRANGER,
    SUB1,
    Draft,
    Tlv,
    ctl_rows,
    draft,
    encrypted_draft,
    itl_rows,
    sgn_draft,
    sign_in_place,
    small_draft,
    small_rows,
    text,
)
from support.pki import END, cucm_name, der, der_name, der_time, plan, rsa_key  # noqa: E402


@dataclass(frozen=True, slots=True)
class Made:
    """One file of the corpus and its line in the index."""

    name: str
    data: bytes
    verdict: str
    why: str
    accept: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()

    def entry(self) -> dict[str, object]:
        kind = "enc.sgn" if self.name.endswith(".enc.sgn") else self.name.rpartition(".")[2]
        entry: dict[str, object] = {"kind": kind, "verdict": self.verdict, "why": self.why}
        entry |= {"size": len(self.data), "sha256": hashlib.sha256(self.data).hexdigest()}
        if self.accept:
            entry["accept"] = list(self.accept)
        if self.warn:
            entry["warn"] = list(self.warn)
        return entry | dict(self.extra)


def valid(name: str, data: bytes, why: str, **extra: str) -> Made:
    return Made(name, data, "valid", why, extra=tuple(extra.items()))


def warned(name: str, data: bytes, warn: str, why: str) -> Made:
    return Made(name, data, "valid-with-warning", why, warn=(warn,))


def invalid(name: str, data: bytes, accept: str | tuple[str, ...], why: str, **extra: str) -> Made:
    codes = (accept,) if isinstance(accept, str) else accept
    return Made(name, data, "invalid", why, codes, extra=tuple(extra.items()))


def changed(change: Callable[[Draft], object]) -> bytes:
    """Return the small list with one change, signed over the change."""
    one = small_draft()
    change(one)
    return one.encode()


def patched(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]


def good() -> Iterator[Made]:
    ctl = draft(RECOVERY, ctl_rows()).encode()
    yield valid("good/CTLFile.tlv", ctl, "CTL of a three-node cluster of 12.x: ITLRecovery signs, RSA-2048, SHA-512")
    itl = draft(RECOVERY, itl_rows(), filename="ITLFile.tlv").encode()
    yield valid("good/ITLFile.tlv", itl, "ITL of its publisher; one TVS certificate serves three nodes")
    old = draft(PUB, ctl_rows()[1:], digest=SHA1, timestamp=SIGNED_AT - 31536000).encode()
    yield valid(
        "good/CTLFile_10x.tlv", old, "CTL as a tokenless 10.x cluster signs it: CallManager key, SHA-1, no tag 28"
    )
    yield valid("good/small.tlv", small_draft().encode(), "three records, RSA-1024: the raw material of bad/")
    unsecured = draft(PUB, [*ctl_rows()[:2], (2, None, "sub1", "10.1.1.12"), (2, None, "sub2", "10.1.1.13")])
    yield valid("good/non_secure.tlv", unsecured.encode(), "records without certificate, as left in non-secure mode")
    ec = [(3, plan(f"ec{bits}.example.com", f"ec{bits}", serial=bits).read(), "", None) for bits in (256, 384, 521)]
    signer_version = draft(RECOVERY, [*ctl_rows()[:2], *ec])
    signer_version.header.insert(0, Tlv(28, b"\x01\x01"))
    yield valid("good/ec_records.tlv", signer_version.encode(), "EC records, tag 28 says 1.1")
    next_list = draft(PUB, [*ctl_rows()[1:], (0, STRANGER.read(), "", None)], timestamp=SIGNED_AT + 60).encode()
    follows = {"continuity_from": "good/CTLFile.tlv"}
    yield valid(
        "good/next_continuous.tlv", next_list, "signed by a SAST of the list before", **follows, continuity="continuous"
    )
    lenient = draft(SUB1, [(0, SUB1.read(), "sub1", None), *ctl_rows()[1:2]]).encode()
    yield valid(
        "good/next_lenient.tlv",
        lenient,
        "signed by a CCM+TFTP of the list before",
        **follows,
        continuity="broken-strict",
    )
    broken = draft(STRANGER, [(0, STRANGER.read(), "", None), *ctl_rows()[1:]]).encode()
    yield valid(
        "good/next_broken.tlv", broken, "signed by nobody the list before knows", **follows, continuity="broken"
    )


def signed() -> Iterator[Made]:
    by = {"trust_list": "good/CTLFile.tlv"}
    payload = b'<?xml version="1.0" encoding="UTF-8"?>\n<device><fullConfig>true</fullConfig></device>\n'
    name = "SEP001122334455.cnf.xml.sgn"
    sgn = sgn_draft(SUB1, name).sign(payload)
    yield valid(f"sgn/{name}", sgn, "signed by a CCM+TFTP record", **by)
    yield valid(
        "sgn/sha1.sgn",
        sgn_draft(SUB1, "Berlin/g3-tones.xml.sgn", digest=SHA1).sign(payload),
        "sub-directory, SHA-1",
        **by,
    )
    yield invalid("sgn/appended.sgn", sgn + b"\n", "bad-signature", "one byte after the payload", **by)
    yield invalid("sgn/capf_signs.sgn", sgn_draft(CAPF, name).sign(payload), "signer-role", "CAPF may not sign", **by)
    yield invalid(
        "sgn/sast_signs.sgn", sgn_draft(RECOVERY, name).sign(payload), "signer-role", "a SAST alone may not sign", **by
    )
    yield invalid("sgn/stranger.sgn", sgn_draft(STRANGER, name).sign(payload), "signer-unknown", "in no list", **by)
    for label, path in (
        ("up", "../x.cnf.xml.sgn"),
        ("absolute", "/etc/x.sgn"),
        ("backslash", "a\\x.sgn"),
        ("bell", "a\x07.sgn"),
    ):
        yield invalid(f"sgn/name_{label}.sgn", sgn_draft(SUB1, path).sign(payload), "filename", f"name {path!r}", **by)
    yield invalid("sgn/version2.sgn", patched(sgn, 3, b"\x02"), "version", "the version of encrypted files", **by)
    yield invalid("sgn/plain.sgn", payload, "bad-magic", "XML under a .sgn name", **by)
    by["decrypt_key"] = "keys/rsa2048-phone.pem"
    enc = "SEP001122334455.cnf.xml.enc.sgn"
    one, body = encrypted_draft(SUB1, enc, PHONE, payload)
    yield valid(f"sgn/{enc}", one.sign(body), "encrypted for the phone", **by)
    for label, tags, value, code in (
        ("pad_17", (16, 17, 20), b"\x00\x11", "plaintext-padding"),
        ("pad_0", (16, 17, 20), b"\x00\x00", "plaintext-digest"),
        ("iv_short", (16, 17, 19), bytes(15), "bad-length"),
        ("key_bits", (16, 21, 23), b"\x04\x00", "key-unwrap"),
        ("digest_code", (26,), b"\x07", "digest"),
        ("digest_wrong", (27,), bytes(64), "plaintext-digest"),
        ("wrapped_noise", (16, 21, 25), b"\x01" * 256, ("key-unwrap", "plaintext-digest")),
    ):
        one, body = encrypted_draft(SUB1, enc, PHONE, payload)
        one.member(*tags).value = value
        yield invalid(f"sgn/enc_{label}.enc.sgn", one.sign(body), code, f"tag {tags[-1]} is wrong", **by)
    one, body = encrypted_draft(SUB1, enc, PHONE, payload)
    yield invalid("sgn/enc_cut.enc.sgn", one.sign(body[:-1]), "ciphertext-length", "no whole block at the end", **by)


def bad_header() -> Iterator[Made]:
    small = small_draft().encode()
    for label, member, why in (
        ("signer_id", (3,), "SIGNERID"),
        ("signature_info", (7,), "SIGNATUREINFO"),
        ("algo_info", (7, 9), "SIGNATUREALGOINFO"),
    ):
        for sign, step in (("plus", 1), ("minus", -1)):
            one = small_draft()
            container = one.member(*member)
            container.length = len(container.encode()) - 3 + step
            yield invalid(
                f"bad/container_{label}_{sign}.tlv", one.encode(), "container-length-mismatch", f"{why} is off by one"
            )
    yield invalid(
        "bad/header_tag_13_between.tlv",
        changed(lambda d: d.header.insert(3, Tlv(14, b"", 0x0D0D))),
        ("length-overflow", "duplicate-tag"),
        "FILENAME twice, the first with a length past the header",
    )
    yield invalid(
        "bad/tag28_twice.tlv",
        changed(lambda d: d.header.__setitem__(slice(0, 0), [Tlv(28, b"\x01\x01")] * 2)),
        "duplicate-tag",
        "signer version twice",
    )
    yield invalid("bad/version_0.tlv", patched(small, 3, b"\x00"), "version", "major version 0")
    yield warned(
        "bad/version_1_9.tlv",
        changed(lambda d: setattr(d.start[0], "value", b"\x01\x09")),
        "unusual-version",
        "minor version 9",
    )
    yield invalid(
        "bad/sigalg_1.tlv",
        changed(lambda d: setattr(d.member(7, 9, 10), "value", b"\x01")),
        "sigalg",
        "signature algorithm 1",
    )
    yield invalid(
        "bad/modulus_2.tlv",
        changed(lambda d: setattr(d.member(7, 9, 11), "value", b"\x02")),
        "modulus-mismatch",
        "says RSA-2048, signed with 1024",
    )
    yield invalid(
        "bad/digest_0.tlv", changed(lambda d: setattr(d.member(7, 8), "value", b"\x00")), "digest", "digest code 0"
    )
    one = small_draft(SHA256)
    yield invalid("bad/sha256.tlv", one.encode(), "digest-unsupported", "SHA-256, correctly signed")
    yield invalid(
        "bad/digest_swapped.tlv",
        changed(lambda d: setattr(d.member(7, 8), "value", b"\x01")),
        "bad-signature",
        "says SHA-1, signed with SHA-512",
    )
    yield invalid(
        "bad/name_path.tlv",
        changed(lambda d: setattr(d.member(14), "value", text("../CTLFile.tlv"))),
        "filename",
        "a path in the name",
    )
    yield invalid(
        "bad/name_other.tlv",
        changed(lambda d: setattr(d.member(14), "value", text("CTLSEP001122334455.tlv"))),
        "filename",
        "the generic name is kept in per-phone lists too",
    )
    yield invalid(
        "bad/name_empty.tlv", changed(lambda d: setattr(d.member(14), "value", b"")), "bad-string", "empty without NUL"
    )
    yield invalid(
        "bad/timestamp_3.tlv",
        changed(lambda d: setattr(d.member(15), "value", b"\x6a\xa0\x00")),
        "bad-length",
        "three bytes of time",
    )
    yield warned(
        "bad/timestamp_max.tlv",
        changed(lambda d: setattr(d.member(15), "value", b"\xff" * 4)),
        "signed-in-future",
        "the last second of 2106",
    )
    yield valid(
        "bad/timestamp_0.tlv",
        changed(lambda d: setattr(d.member(15), "value", bytes(4))),
        "1970: nobody said a list cannot be that old",
    )
    yield invalid(
        "bad/inner_nul.tlv",
        changed(lambda d: setattr(d.member(3, 4), "value", b"CN=a\0b\0")),
        "bad-string",
        "NUL inside SIGNERNAME",
    )
    yield warned(
        "bad/padding_9.tlv", changed(lambda d: setattr(d, "padding", 9)), "excess-padding", "nine padding bytes"
    )
    yield warned(
        "bad/padding_0.tlv",
        changed(lambda d: setattr(d, "padding", 0)),
        "unaligned-header",
        "no padding",
    )
    stray = small_draft()
    stray.header.insert(3, Tlv(13, b""))
    yield invalid(
        "bad/padding_between.tlv", stray_padding(stray), "header-length-mismatch", "a padding byte between members"
    )
    yield invalid(
        "bad/signature_short.tlv",
        changed(lambda d: setattr(d.member(12), "value", bytes(127))),
        ("modulus-mismatch", "bad-signature"),
        "127 bytes of signature",
    )
    yield invalid(
        "bad/member_outside.tlv", changed(_member_outside), "container-length-mismatch", "CANAME after SIGNERID"
    )


def stray_padding(one: Draft) -> bytes:
    """Return the list with a lone padding byte before FILENAME."""
    one.header = [m for m in one.header if m.tag != 13]
    data = one.encode()
    offset = data.index(b"\x0e\x00\x0cCTLFile.tlv")
    length = int.from_bytes(data[8:10], "big") + 1
    moved = data[:offset] + b"\x0d" + data[offset:]
    return sign_in_place(patched(moved, 8, length.to_bytes(2, "big")), rsa_key(one.key), one.digest)


def _member_outside(one: Draft) -> None:
    container = one.member(3).value
    assert isinstance(container, list)
    one.header.insert(1, container.pop())


def bad_signer() -> Iterator[Made]:
    one = small_draft()
    one.key = SMALL_STRANGER.key_name
    yield invalid("bad/other_key.tlv", one.encode(), "bad-signature", "signed with another key of the same size")
    impostor = plan(
        "ITLRECOVERY_small.example.com", SMALL_STRANGER.key_name, serial=SMALL_RECOVERY.serial, digest="sha1"
    )
    one = draft(SMALL_RECOVERY, [(0, impostor.read(), "small", None), *small_rows()])
    yield invalid(
        "bad/two_keys_one_serial.tlv",
        one.encode(),
        "key-substituted",
        "two SAST records, one serial and issuer, two keys",
    )
    one.key = SMALL_STRANGER.key_name
    yield invalid(
        "bad/two_keys_impostor_signs.tlv", one.encode(), "key-substituted", "the same, signed with the impostor's key"
    )
    one = draft(SMALL_PUB, small_rows())
    yield invalid("bad/ccm_signs.tlv", one.encode(), "signer-role", "signed by a CCM+TFTP record")
    one = draft(SMALL_STRANGER, small_rows())
    yield invalid("bad/stranger_signs.tlv", one.encode(), "signer-missing", "signed by a key that is in no record")
    one = draft(SMALL_RECOVERY, [(0, None, "small", None), *small_rows()[1:]])
    yield invalid(
        "bad/signer_without_certificate.tlv", one.encode(), "signer-missing", "the SAST record has no certificate"
    )
    big = plan("big.example.com", "rsa4096", serial=4096)
    one = draft(big, [(0, big.read(), "", None)])
    yield valid("good/rsa4096.tlv", one.encode(), "modulus code 3")
    expired = SMALL_RECOVERY.but(not_after=SMALL_RECOVERY.not_before.replace(year=2025))
    one = draft(expired, [(0, expired.read(), "small", None), *small_rows()[1:]])
    yield warned("bad/signer_expired.tlv", one.encode(), "signer-expired", "the signer's certificate ended")
    future = SMALL_PUB.but(not_before=SMALL_PUB.not_before.replace(year=2030))
    one = draft(SMALL_RECOVERY, [*small_rows()[:2], (2, future.read(), "small", None)])
    yield warned("bad/not_yet_valid.tlv", one.encode(), "record-not-yet-valid", "a certificate of 2030")


def bad_record() -> Iterator[Made]:
    def record(change: Callable[[list[Tlv]], object]) -> bytes:
        one = small_draft()
        change(one.records[2])
        return one.encode()

    def put(tag: int, value: bytes) -> bytes:
        one = small_draft()
        one.of_record(3, tag).value = value
        return one.encode()

    def drop(tag: int) -> bytes:
        return record(lambda r: r.remove(next(m for m in r if m.tag == tag)))

    yield invalid(
        "bad/record_length_5.tlv",
        changed(lambda d: d.records.append([Tlv(1, b"\x00\x05")])),
        "record-missing-field",
        "RECORDLENGTH 5: nothing in it",
    )
    yield invalid(
        "bad/record_length_4.tlv",
        changed(lambda d: d.records.append([Tlv(1, b"\x00\x04")])),
        "record-length-range",
        "RECORDLENGTH 4",
    )
    yield invalid(
        "bad/record_length_tag_cut.tlv",
        changed(lambda d: setattr(d, "tail", b"\x01\x00")),
        "truncated",
        "ends inside RECORDLENGTH",
    )
    yield invalid(
        "bad/record_unknown_tag.tlv", record(lambda r: r.append(Tlv(40, b"new"))), "unknown-tag", "record tag 40"
    )
    yield invalid(
        "bad/record_role_twice.tlv",
        record(lambda r: r.append(Tlv(4, b"\0\0"))),
        "duplicate-tag",
        "FUNCTION twice: CCM+TFTP, then SAST",
    )
    yield invalid(
        "bad/record_tail.tlv",
        changed(lambda d: setattr(d, "tail", b"\0" * 8)),
        "trailing-data",
        "zeros behind the last record",
    )
    yield invalid("bad/no_records.tlv", changed(lambda d: d.records.clear()), "no-records", "a header alone")
    yield invalid(
        "bad/record_key.tlv",
        put(7, SMALL_CAPF.read().list_key or b""),
        "record-inconsistent",
        "PUBLICKEY of another certificate",
    )
    yield invalid("bad/record_signature.tlv", put(8, bytes(128)), "record-inconsistent", "SIGNATURE of nothing")
    yield invalid(
        "bad/record_subject.tlv", put(3, text("CN=evil.example.com;OU=Voice")), "record-inconsistent", "another subject"
    )
    yield invalid(
        "bad/record_certificate.tlv", put(9, b"0\x82\x01\x00junk"), "record-bad-certificate", "no certificate"
    )
    yield invalid("bad/record_certificate_empty.tlv", put(9, b""), "record-bad-certificate", "an empty certificate")
    yield invalid("bad/record_role_empty.tlv", put(4, b""), "bad-length", "an empty role")
    yield invalid("bad/record_serial_empty.tlv", put(6, b""), "bad-length", "an empty serial number")
    yield invalid("bad/record_no_key.tlv", drop(7), "record-missing-field", "certificate without PUBLICKEY")
    yield invalid("bad/record_orphan_key.tlv", drop(9), "record-missing-field", "PUBLICKEY without certificate")
    yield valid("good/no_tag8.tlv", drop(8), "no SIGNATURE tag, as in lists of hardware tokens")
    yield warned("bad/record_role_5.tlv", put(4, b"\0\x05"), "unknown-role", "a role nobody knows")
    yield warned("bad/record_ip_16.tlv", put(10, bytes(16)), "ip-length", "an IPv6 address perhaps")
    yield warned(
        "bad/duplicate.tlv", changed(lambda d: d.records.append(d.records[2])), "duplicate-record", "a record twice"
    )
    lower = put(3, text('cn="SMALL.example.com";ou=voice;o=example;l=berlin;s=be;c=de'))
    yield warned("bad/spelling.tlv", lower, "subject-spelling", "lower case, quotes, S for ST")


def odd_certificates() -> Iterator[Made]:
    def listed(certificate: bytes, template: bytes | None = None) -> bytes:
        one = small_draft()
        one.of_record(3, 9).value = certificate
        if template is not None:
            one.of_record(3, 6).value = template
        return one.encode()

    base = SMALL_PUB
    yield invalid(
        "odd/self_signature.tlv",
        listed(base.but(damage=1).encode()),
        "record-inconsistent",
        "the self-signature is damaged",
    )
    for label, serial, raw in (("zero", 0, b"\0"), ("negative", -5, b"\xfb")):
        one = draft(SMALL_RECOVERY, small_rows())
        odd = base.but(serial=serial)
        one.of_record(3, 9).value = odd.encode()
        one.of_record(3, 6).value = raw
        one.of_record(3, 8).value = odd.encode()[-128:]
        yield warned(f"odd/serial_{label}.tlv", one.encode(), "odd-certificate", f"serial number {serial}")
    version = base.but(version=b"\xa0\x03\x02\x01\x07")
    one = small_draft()
    one.of_record(3, 9).value, one.of_record(3, 8).value = version.encode(), version.encode()[-128:]
    yield warned("odd/version_8.tlv", one.encode(), "odd-certificate", "X.509 version 8")
    long_zone = base.but(validity=der(0x30, der(0x17, b"2401010000+0000"), der_time(END)))
    one = small_draft()
    one.of_record(3, 9).value, one.of_record(3, 8).value = long_zone.encode(), long_zone.encode()[-128:]
    yield warned(
        "odd/time_zone.tlv", one.encode(), "odd-certificate", "a start of validity without seconds, with a zone"
    )
    yield invalid(
        "odd/trailing.tlv",
        listed(base.encode() + b"\0\0"),
        "record-bad-certificate",
        "two bytes behind the certificate",
    )
    control = base.but(subject=der_name(("CN", "a\x1b[2Jb")))
    one = draft(SMALL_RECOVERY, [*small_rows()[:2], (2, control.read(), "x\x1b[31m", None)])
    yield valid("odd/control_characters.tlv", one.encode(), "escape sequences in names: legal, and kept off terminals")
    issued = SMALL_PUB.but(issuer=cucm_name("CA"), issuer_key=SMALL_SUB.key_name)
    one = draft(SMALL_RECOVERY, [*small_rows()[:2], (2, issued.read(), "small", None)])
    yield valid("good/ca_signed.tlv", one.encode(), "a CCM+TFTP certificate that a CA issued")


def corpus() -> tuple[Made, ...]:
    """Return the whole corpus."""
    parts = (good(), signed(), bad_header(), bad_signer(), bad_record(), odd_certificates())
    return tuple(sorted((made for part in parts for made in part), key=lambda made: made.name))


def index(files: tuple[Made, ...]) -> str:
    """Return the text of index.json."""
    note = "verdicts and codes as in the shared vectors, at 2026-11-23T12:00:00Z; made by generate.py"
    return json.dumps({"format": 1, "note": note, "files": {m.name: m.entry() for m in files}}, indent=1) + "\n"


def main() -> None:
    """Write the corpus."""
    files = corpus()
    for made in files:
        path = HERE / "files" / made.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.data)
    (HERE / "index.json").write_text(index(files))


if __name__ == "__main__":
    main()
