"""Fuzz target: the pages of phones, as whatever serves them sends them."""

import re
from random import Random

from ctlctl.phonepages import PageError, PageFacts, parse_page
from support.mutate import ByteMutator

NAME = "phone_page"
INSTRUMENT = ("ctlctl.phonepages",)
#: Bytes; a page has rows of some hundred, and reading goes through it once.
MAX_LENGTH = 2048

_MD5 = "0123456789abcdef0123456789abcde0"
_PIECES = (
    *(b"<tr>", b"<td>", b"</td>", b"<b>", b"<br>", b"<CTLFile>", b"</CTLFile>", b"<!--", b"-->", b"<![CDATA[", b"]]>"),
    *(
        b"CTL file",
        b"ITL signature",
        b"Host Name",
        b"MAC Address",
        b"versionID",
        b":",
        b"\n",
        b"<script>",
        b"</script>",
    ),
    *(
        _MD5.encode(),
        b"Not Installed",
        b"SEP001122334455",
        b"charset=shift_jis",
        b"<?xml encoding='utf-16'",
        b"\xff\xfe",
    ),
)
_HASH = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})?")


def seeds() -> list[bytes]:
    table = (
        "<html><table><TR><TD><B>Host name</B></TD><td width=20></TD><TD><B>SEP001122334455</B></TD></TR>"
        f"<tr><td>CTL file</td><td>&nbsp;</td><td>{_MD5}</td></tr><tr><td>ITL file<td>Not Installed</table>"
    )
    return [
        (
            b'<?xml version="1.0" encoding="iso-8859-1"?><DeviceInformation><MACAddress>001122334455</MACAddress>'
            b"<versionID>8.1(2.0)</versionID><appLoadID>P1</appLoadID><MessageWaiting>\xe9</MessageWaiting>"
        ),
        table.encode(),
        table.encode("utf-16"),
        f"Host Name : SEP001122334455\r\nCTL File : {_MD5}\r\n".encode(),
        '<meta charset="shift_jis"><td>MACアドレス<td>00:11:22:33:44:55</table>'.encode("shift_jis"),
        b"<!-- x --><![CDATA[Host Name: a]]><script>1</script><input type=password>",
    ]


def one_input(data: bytes) -> None:
    for content_type in ("", "text/html; charset=euc-jp"):
        try:
            facts = parse_page(data, content_type)
        except PageError:
            continue
        _hold(facts)


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Put pieces of pages in, or leave it to ``turn``."""
    if random.random() < 0.5:
        return turn(data, limit)
    place = random.randrange(len(data) + 1)
    return (data[:place] + random.choice(_PIECES) + data[place + random.randrange(8) :])[:limit]


def _hold(facts: PageFacts) -> None:
    for value in (facts.host_name, facts.model, facts.serial, facts.load, facts.security_mode, facts.web_access):
        assert value is None or (value.isprintable() and 0 < len(value) <= 128)
    for digest in (facts.ctl_hash, facts.itl_hash):
        assert digest is None or _HASH.fullmatch(digest)
    assert facts.mac is None or (len(facts.mac) == 12 and facts.belongs_to(f"SEP{facts.mac}") is True)
    assert facts.merged(facts) == facts
