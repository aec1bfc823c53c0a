"""Phones' pages of any content: read or refused, and never misread because a part is missing."""

import re
from collections.abc import Callable
from html import escape

from hypothesis import given
from hypothesis import strategies as st

from ctlctl.phonepages import PageError, PageFacts, parse_page

HEX = "0123456789abcdef"
hashes = st.one_of(st.just(""), *(st.text(HEX, min_size=size, max_size=size) for size in (32, 40, 64))).filter(
    lambda one: not one or one.strip("0") != ""
)
words = st.text(st.characters(codec="latin-1", categories=("L", "N")), min_size=1, max_size=20)
facts = st.builds(
    PageFacts,
    host_name=words.map("SEP".__add__),
    mac=st.text("0123456789ABCDEF", min_size=12, max_size=12),
    serial=words.map("FCH".__add__),
    security_mode=st.sampled_from(["Non secure", "Authenticated", "Encrypted"]),
    ctl_hash=hashes,
    itl_hash=hashes,
)


def rows(said: PageFacts) -> list[tuple[str, str]]:
    return [
        ("Host Name", said.host_name or ""),
        ("MAC Address", said.mac or ""),
        ("Serial Number", said.serial or ""),
        ("Domain Name", ""),
        ("Security Mode", said.security_mode or ""),
        ("CTL File", said.ctl_hash or "Not Installed"),
        ("ITL File", said.itl_hash or "Not Installed"),
        ("TVS", "10.0.0.2"),
    ]


def as_xml(said: PageFacts) -> str:
    inside = "".join(
        f"<{name}>{escape(value)}</{name}>" for label, value in rows(said) if (name := label.replace(" ", ""))
    )
    return f"<NetworkConfiguration>{inside}</NetworkConfiguration>"


def as_table(said: PageFacts) -> str:
    cells = "".join(f"<tr><td><b>{n}</b></td><td></td><td><b>{escape(v)}</b></td></tr>\n" for n, v in rows(said))
    return f"<table>{cells}</table>"


def as_lines(said: PageFacts) -> str:
    return "".join(f"{name} : {value}\r\n" for name, value in rows(said))


forms = st.sampled_from([as_xml, as_table, as_lines])
charsets = st.sampled_from(["utf-8", "iso-8859-1", "utf-16"])


@given(said=facts, form=forms, charset=charsets)
def test_every_form_in_every_charset_is_read_back(
    said: PageFacts, form: Callable[[PageFacts], str], charset: str
) -> None:
    assert parse_page(form(said).encode(charset), f"text/html; charset={charset}") == said


@given(said=facts, form=forms, data=st.data())
def test_a_page_that_is_cut_says_less_and_nothing_else(
    said: PageFacts, form: Callable[[PageFacts], str], data: st.DataObject
) -> None:
    """A hash of 40 digits that is cut to 32 must not pass for an MD5, nor "Not Installed" come from half a page."""
    page = form(said).encode()
    cut = data.draw(st.integers(0, len(page)))
    try:
        found = parse_page(page[:cut])
    except PageError:
        return
    for name in ("host_name", "mac", "serial", "security_mode", "ctl_hash", "itl_hash"):
        assert getattr(found, name) in (None, getattr(said, name)), name


@given(content=st.one_of(st.binary(), st.text().map(str.encode)), content_type=st.text())
def test_any_bytes_are_read_or_refused(content: bytes, content_type: str) -> None:
    hold(content, content_type)


pieces = st.sampled_from(
    [
        *(
            "<tr>",
            "</tr>",
            "<td>",
            "</td>",
            "<b>",
            "<br>",
            "<CTLFile>",
            "</CTLFile>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
        ),
        *(
            "CTL file",
            "ITL signature",
            "Host Name",
            "MAC Address",
            ":",
            "\n",
            "<script>",
            "</script>",
            "&lt;",
            "&#x41;",
        ),
        *(
            "0123456789abcdef" * 2,
            "Not Installed",
            "SEP001122334455",
            '<meta charset="utf-16">',
            "<input type=password>",
        ),
    ]
)


@given(
    content=st.lists(st.one_of(pieces, st.text(max_size=5)))
    .map("".join)
    .map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_markup_is_read_or_refused(content: bytes) -> None:
    hold(content, "text/html")


def hold(content: bytes, content_type: str) -> None:
    try:
        found = parse_page(content, content_type)
    except PageError:
        return
    for value in (found.host_name, found.model, found.serial, found.load, found.security_mode, found.web_access):
        assert value is None or (value.isprintable() and 0 < len(value) <= 128)
    for digest in (found.ctl_hash, found.itl_hash):
        assert (
            digest is None
            or digest == ""
            or re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}", digest)
        )
    assert found.mac is None or re.fullmatch(r"[0-9A-F]{12}", found.mac)
