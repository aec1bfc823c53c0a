"""Every sample of the project's reference parses, and its arithmetic adds up.

The reference is not part of this repository; it is looked for beside the shared vectors.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from ctlctl.console import (
    parse_cert_list,
    parse_cert_show,
    parse_change,
    parse_network_cluster,
    parse_ntp,
    parse_replication,
    parse_service,
    parse_sql,
    parse_trace,
    parse_version,
    split_session,
)
from ctlctl_trust.consolelist import parse_console_list
from support.vectors import DIRECTORY

REFERENCE = DIRECTORY.parent / "reference"
SKIP_REASON = "no reference beside the shared vectors; set CTLCTL_VECTORS to their directory"
SAMPLES = "console-samples.md"

pytestmark = pytest.mark.skipif(not (REFERENCE / SAMPLES).is_file(), reason=SKIP_REASON)


@cache
def blocks(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^```\w*\n(.*?)^```$", (REFERENCE / name).read_text(), re.MULTILINE | re.DOTALL))


def with_words(name: str, words: str) -> list[str]:
    found = [block for block in blocks(name) if words in block]
    assert found, words
    return found


def test_every_block_of_the_samples_is_read() -> None:
    read = 0
    for block in blocks(SAMPLES):
        if "BYTEPOS" in block or "RECORDLENGTH" in block or "Length of CTL" in block:
            shown = parse_console_list(block)
            assert not shown.mismatches
            assert all(line.text.startswith("...") for line in shown.unread)
        elif "admin:" in block:
            for exchange in split_session(block):
                assert exchange.command is not None
                parse: Callable[[str], Any] = parse_sql if exchange.command.startswith("run sql") else parse_change
                answer = parse(exchange.output)
                assert not answer.unread
        else:
            trace = parse_trace(block)
            assert not trace.unread
            assert not trace.mismatches
        read += 1
    assert read == 7


def test_the_list_of_a_release_10() -> None:
    shown = parse_console_list(with_words(SAMPLES, "HeaderLength")[0])
    assert (shown.length, shown.header_length, shown.verified) == (4947, 336, True)
    assert shown.modified is not None
    assert shown.modified.zone == "CET"
    assert shown.abridged
    assert shown.signature is None
    record = shown.records[0]
    assert (record.size, record.certificate_size, record.signed_list) == (1156, 694, True)
    assert record.certificate_sha1 is not None
    assert record.certificate_sha1.hex().startswith("e9d43364")


def test_the_total_of_the_list_made_with_tokens() -> None:
    # The second sample is told in prose; its sum is 304+1186+1186+33+1004+33.
    row = with_words(SAMPLES, "RECORDLENGTH    2       33")[0]
    text = "Length of CTL file: 3746\nHeaderLength: 304 (BYTES)\n"
    for number, size in enumerate((1186, 1186, 33, 1004, 33), 1):
        text += f"CTL Record #:{number}\n"
        text += row if size == 33 else f"1 RECORDLENGTH 2 {size}\n9 CERTIFICATE {size - 8}\n"
    assert not parse_console_list(text).mismatches
    assert parse_console_list(text.replace("3746", "3747")).mismatches


@pytest.mark.parametrize(
    ("name", "words", "parse"),
    [
        ("cli.md", "tomcat-ECDSA/tomcat-ECDSA.pem", parse_cert_list),
        ("cli.md", "admin:show cert own CallManager", parse_cert_show),
        ("cli.md", "utils service list", parse_service),
        ("cli.md", "=================== ==========", parse_sql),
        ("cli.md", "CTL file Updated", parse_change),
        ("parameters-and-outputs.md", "Active Master Version", parse_version),
        ("parameters-and-outputs.md", "admin:show network cluster", parse_network_cluster),
        ("parameters-and-outputs.md", "utils service restart", parse_service),
        ("parameters-and-outputs.md", "Cluster Detailed View", parse_replication),
        ("parameters-and-outputs.md", "admin:utils ntp status", parse_ntp),
    ],
)
def test_other_pages(name: str, words: str, parse: Callable[[str], Any]) -> None:
    for block in with_words(name, words):
        answer = parse(block)
        assert not answer.unread
        assert not getattr(answer, "mismatches", ())


def test_the_certificate_whose_pem_is_abridged() -> None:
    shown = parse_cert_show(with_words("parameters-and-outputs.md", "Serial Number: 523C")[0])
    assert (shown.certificate, shown.der) == (None, None)
    assert any("BEGIN CERTIFICATE" in line.text for line in shown.unread)
    assert shown.valid_to is not None
    assert shown.valid_to.zone == "BST"
    # Two of its three extensions would do: the number printed is that of the blocks.
    assert [one.name for one in shown.extensions] == ["KeyUsage", "ExtKeyUsageSyntax", "SubjectKeyIdentifier"]


def test_a_newer_mixed_mode_transcript() -> None:
    found = [parse_change(block) for block in with_words("cli.md", "Cluster set to Mixed Mode")]
    assert [one.mixed_mode for one in found] == [True, True]
    assert {len(one.to_do) for one in found} == {1, 2}
