"""Phones' pages in the spellings of their families: what each says, and what none says."""

import time

import pytest

from ctlctl.phonepages import MAX_PAGE_BYTES, PageError, PageFacts, PageProblem, parse_page, read_hash

MD5 = "0123456789abcdef0123456789abcde0"
OTHER_MD5 = "fedcba9876543210fedcba9876543210"
SHA1 = "00112233445566778899aabbccddeeff00112233"
NAME = "SEP001122334455"


def test_the_oldest_phones() -> None:
    """7940: ISO-8859-1, the load is the application's, the locale is French; frame and elements as GLPI shows them."""
    page = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        "<DeviceInformation><MACAddress>001122334455</MACAddress><HostName>SEP001122334455</HostName>"
        "<phoneDN>5920</phoneDN><appLoadID>P00308010200</appLoadID><bootLoadID>PC03A300</bootLoadID>"
        "<versionID>8.1(2.0)</versionID><addonModule1></addonModule1><addonModule2/><serialNumber>INM00000001"
        "</serialNumber><modelNumber>CP-7940</modelNumber><MessageWaiting> Numéro</MessageWaiting></DeviceInformation>"
    )
    facts = parse_page(page.encode("iso-8859-1"), "text/xml")
    assert facts == PageFacts(
        host_name=NAME, mac="001122334455", model="CP-7940", serial="INM00000001", load="P00308010200"
    )
    assert facts.belongs_to(NAME) is True


def test_xml_of_newer_phones() -> None:
    """The version names the load; other elements differ by case and order between families."""
    page = (
        b"<DeviceInformation><MACAddress>00:11:22:33:44:55</MACAddress><PhoneDN>Line1:4711</PhoneDN>"
        b"<AppLoadID>rootfs88xx.14-2-1-0201</AppLoadID><versionID>sip88xx.14-2-1-0201</versionID>"
        b"<udi>phone Cisco IP Phone &amp; more</udi></DeviceInformation>"
    )
    facts = parse_page(page)
    assert (facts.load, facts.mac, facts.host_name) == ("sip88xx.14-2-1-0201", "001122334455", None)
    assert (facts.belongs_to(NAME), facts.belongs_to("SEP001122334456")) == (True, False)


@pytest.mark.parametrize(
    ("ctl", "itl", "mode"),
    [
        ("CTLFile", "ITLFile", "SecurityMode"),
        ("CTL_File", "ITL_Signature", "security_mode"),
        ("ctlFile", "itlSignature", "securityMode"),
        ("ns1:CTLFile", "ns1:ITLFile", "ns1:SecurityMode"),
        ("CTLSignature", "ITLFileHash", "deviceSecurityMode"),
    ],
)
def test_element_names(ctl: str, itl: str, mode: str) -> None:
    page = f"<NetworkConfiguration><{ctl}>{MD5.upper()}</{ctl}><{itl}>None</{itl}><{mode}>Encrypted</{mode}>"
    facts = parse_page(page.encode())
    assert (facts.ctl_hash, facts.itl_hash, facts.security_mode) == (MD5, "", "Encrypted")
    assert facts.hashes_known


SERVICEABILITY = f"""<html><body><table width=100%><tr><td><a href="/">Device</a></td><td>
<TABLE><TR><TD><B>Host name</B></TD><td width=20></TD><TD><B>{NAME}</B></TD></TR>
<tr><td><b> MAC address</b></td>
<td width="20"></td>
<td><b>001122334455  </b></td></tr>
<TR><TD><B>Domain name</B></TD><td width=20></TD><TD><B></B></TD></TR>
<TR><TD><B>Security mode</B></TD><td width=20></TD><TD><B>Non secure</B></TD></TR>
<TR><TD><B>Web access enabled</B></TD><td width=20></TD><TD><B>Yes</B></TD></TR>
<TR><TD><B>CTL file</B></TD><td width=20>&nbsp;</TD><TD><B>{MD5}</B></TD></TR>
<TR><TD><B>ITL file</B></TD><td width=20></TD><TD><B>{OTHER_MD5}</B></TD></TR>
<TR><TD><B>ITL signature</B></TD><td width=20></TD><TD><B>{" ".join(OTHER_MD5[n : n + 2] for n in range(0, 32, 2))}
</B></TD></TR>
<TR><TD><B>TVS</B></TD><td width=20></TD><TD><B>10.0.0.2</B></TD></TR></TABLE></td></tr></table>"""


def test_the_serviceability_page() -> None:
    assert parse_page(SERVICEABILITY.encode(), "text/html; charset=UTF-8") == PageFacts(
        host_name=NAME,
        mac="001122334455",
        security_mode="Non secure",
        web_access="Yes",
        ctl_hash=MD5,
        itl_hash=OTHER_MD5,
    )


def test_an_empty_value_is_not_the_next_label() -> None:
    """A reader that goes on to the next text takes "ITL file" for the hash of the CTL, or the ITL's hash for it."""
    page = f"<tr><td>CTL file</td><td></td><td></td></tr><tr><td>ITL file</td><td>{MD5}</td></tr>"
    assert parse_page(page.encode()) == PageFacts(itl_hash=MD5)
    one_row = f"<tr><td>CTL file</td><td></td><td>ITL file</td><td>{MD5}</td></tr>"
    assert parse_page(one_row.encode()) == PageFacts(itl_hash=MD5)


@pytest.mark.parametrize(
    "page",
    [
        "<pre>\nHost Name : {name}\nCTL File : {md5}\nITL File : Not Installed\n</pre>",
        "<p>Host Name: <strong>{name}</strong><br>CTL File: <strong>{md5}</strong><br/>ITL File: Not Installed<p>",
        "<table><tr><td>Host Name :</td><td>{name}</td><tr><td>CTL File :<td>{md5}<tr><td>ITL File :<td>None</table>",
        "<dl><dt>Host name<dd>{name}<dt>CTL file<dd>{md5}<dt>ITL file<dd>not installed</dl>",
        (
            "<tr><td><p><b>Host name</b></td><td><p><b>{name}</b></td></tr><tr><td><nobr>CTL file</nobr></td>"
            "<td>{md5}</td></tr><tr><td>ITL file</td><td>None</td></tr>"
        ),
        (
            "<x><HostName><![CDATA[{name}]]></HostName><!-- <CTLFile>1</CTLFile> --><CTLFile>{md5}</CTLFile>"
            "<ITLFile>none</ITLFile></x>"
        ),
        "Host Name : {name}\r\nCTL File : {md5}\r\nITL File : NotInstalled\r\n",
    ],
)
def test_other_markup(page: str) -> None:
    facts = parse_page(page.format(name=NAME, md5=MD5).encode())
    assert facts == PageFacts(host_name=NAME, ctl_hash=MD5, itl_hash="")


@pytest.mark.parametrize(
    ("label", "charset", "head"),
    [
        ("Nom d'hôte", "iso-8859-1", '<?xml version="1.0" encoding="iso-8859-1"?>'),
        ("Nom d&#39;h&ocirc;te", "ascii", ""),
        ("Nom système", "utf-8", ""),
        ("Nom hôte", "cp1252", ""),
        ("Nom d'hôte", "utf-16", ""),
        ("Nom d'hôte", "utf-8", '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">'),
    ],
)
def test_languages_and_charsets(label: str, charset: str, head: str) -> None:
    page = f"{head}<table><tr><td>{label}</td><td>{NAME}</td></tr></table>".encode(charset)
    assert parse_page(page).host_name == NAME


@pytest.mark.parametrize("charset", ["shift_jis", "euc_jp", "iso2022_jp"])
def test_japanese(charset: str) -> None:
    page = "<tr><td>MACアドレス</td><td>001122334455</td></tr>".encode(charset)
    assert parse_page(page, f"text/html; charset={charset.replace('iso2022_jp', 'ISO-2022-JP')}").mac == "001122334455"


@pytest.mark.parametrize("charset", ["zlib", "rot13", "punycode", "unicode_escape", "idna", "../x", "utf-7", ""])
def test_a_charset_that_is_none_is_passed_over(charset: str) -> None:
    page = f"<tr><td>Nom hôte</td><td>{NAME}</td></tr>".encode("latin-1")
    assert parse_page(page, f"text/html; charset={charset}").host_name == NAME


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (MD5, MD5),
        (MD5.upper(), MD5),
        (SHA1, SHA1),
        ("SHA1: " + SHA1, SHA1),
        (f"{MD5} (MD5)", MD5),
        (":".join(MD5[n : n + 2] for n in range(0, 32, 2)), MD5),
        ("ab" * 32, "ab" * 32),
        ("Not Installed", ""),
        ("not installed", ""),
        ("None", ""),
        ("", None),
        ("Installed", None),
        ("Yes", None),
        ("null", None),
        (MD5[:-1], None),
        (MD5 + "0", None),
        ("g" * 32, None),
        ("0" * 32, None),
        ("dead beef", None),
    ],
)
def test_hashes(said: str, read: str | None) -> None:
    """What is no hash of a known length, and no word for "none", is not known: never "no list"."""
    assert read_hash(said) == read


def test_contradictions_are_not_known() -> None:
    twice = f"<a><CTLFile>{MD5}</CTLFile><CTLFile>{OTHER_MD5}</CTLFile><ITLFile>None</ITLFile>"
    facts = parse_page(f"{twice}<ITLSignature>{MD5}</ITLSignature></a>".encode())
    assert (facts.ctl_hash, facts.itl_hash) == (None, None)


def test_the_signature_row_is_the_hash_where_both_are() -> None:
    page = f"<a><ITLFile>{SHA1}</ITLFile><ITLSignature>{MD5}</ITLSignature></a>"
    assert parse_page(page.encode()).itl_hash == MD5


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (b'<form action="/CGI/Java/Serviceability?adapter=loginPost"><input name=CSRFToken>', PageProblem.LOGIN),
        (b'<FORM><INPUT TYPE="password" NAME="p"></FORM>', PageProblem.LOGIN),
        (b"<input name='p' type=password>", PageProblem.LOGIN),
        (b"", PageProblem.UNKNOWN),
        (b"<html><body>Object Not Found</body></html>", PageProblem.UNKNOWN),
        (b'<?xml version="1.0"?><CiscoIPPhoneError Number="4"/>', PageProblem.UNKNOWN),
        (b" " * (MAX_PAGE_BYTES + 1), PageProblem.TOO_LARGE),
    ],
)
def test_pages_that_tell_nothing(page: bytes, problem: PageProblem) -> None:
    with pytest.raises(PageError) as caught:
        parse_page(page)
    assert caught.value.problem is problem


def test_a_login_in_a_corner_hides_nothing() -> None:
    page = f"<input type=password><tr><td>CTL file</td><td>{MD5}</td></tr>"
    assert parse_page(page.encode()).ctl_hash == MD5


def test_entities_of_a_document_type_are_not_expanded() -> None:
    page = (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "&x;&x;">]><a><HostName>&y;&x;</HostName></a>'
    )
    assert parse_page(page).host_name == "&y;&x;"


def test_what_is_shown_is_harmless_and_short() -> None:
    page = f"<a><HostName>\x1b[31mSEP\u202e\0{'x' * 999}</HostName><securityMode>A\n  B&#9;C</securityMode></a>"
    facts = parse_page(page.encode())
    assert facts.host_name is not None
    assert facts.host_name.startswith("[31mSEP")
    assert facts.host_name.isprintable()
    assert len(facts.host_name) <= 128
    assert facts.security_mode == "A B C"


@pytest.mark.parametrize(
    ("facts", "belongs"),
    [
        (PageFacts(host_name=NAME), True),
        (PageFacts(host_name="sep001122334455.example.com"), True),
        (PageFacts(host_name=NAME, mac="00AABBCCDDEE"), True),
        (PageFacts(host_name="PRINTER", mac="001122334455"), True),
        (PageFacts(host_name="SEP001122334456"), False),
        (PageFacts(mac="001122334456"), False),
        (PageFacts(serial="FCH00000000"), None),
    ],
)
def test_whose_page_it_is(facts: PageFacts, belongs: bool | None) -> None:
    assert facts.belongs_to(NAME) is belongs


def test_pages_complete_each_other() -> None:
    device = PageFacts(host_name=NAME, load="sip88xx.14-2-1-0201")
    network = PageFacts(host_name="other", ctl_hash="", itl_hash=MD5)
    assert device.merged(network) == PageFacts(host_name=NAME, load=device.load, ctl_hash="", itl_hash=MD5)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<",
            "<a",
            "<!--",
            "<![CDATA[",
            "<![CDATA[]]>",
            "<script>",
            "<td>",
            "<td>ctl file",
            "ctl file:",
            "a:\n",
            "&#",
        ),
        *(
            "<a></a>",
            "<itlfile>0</itlfile>",
            "<input ",
            "ctl file:a\n",
            "<tr><td>",
            "\x1b$B",
            "\0",
            "</",
            "<td>" + " " * 50,
        ),
    ],
)
def test_the_longest_page_of_nothing_takes_no_time(piece: str) -> None:
    page = (piece * MAX_PAGE_BYTES)[:MAX_PAGE_BYTES].encode()
    begun = time.process_time()
    try:
        parse_page(page)
    except PageError as error:
        assert error.problem is not PageProblem.TOO_LARGE  # noqa: PT017 - facts are right too
    # Seconds of processor time; it takes a tenth of one, and anything quadratic would take minutes.
    assert time.process_time() - begun < 5
