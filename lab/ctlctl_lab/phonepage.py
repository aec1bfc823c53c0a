"""The web pages of a phone: who it is, which lists it holds, and its newest status message.

Four forms, by family. What is proven of them (element names of DeviceInformationX, cells of the Serviceability pages,
``Label : value`` of localmenus.cgi) comes from public clients and the administration guides; the elements of
NetworkConfigurationX, the words for the security mode, the form of a hash and "Not Installed" are assumed, because no
source prints them. Families differ here as the guides' tables do: MD5 or SHA-1, with or without an "ITL signature".
"""

from collections.abc import Mapping
from enum import Enum, auto
from hashlib import sha1, sha256
from html import escape
from typing import Final

from ctlctl_lab.model import App, AppAnswer, Phone
from ctlctl_lab.trustheld import HeldList
from ctlctl_lab.web import one_answer
from ctlctl_lab.world import World

_NONE: Final = "Not Installed"
_SERVICEABILITY: Final = "/CGI/Java/Serviceability"
_MODES: Final = {"Non Secure": "Non secure"}


class Form(Enum):
    """How a family of phones shows its pages."""

    #: 7800 and 8800: XML, and HTML tables in lower case with an empty cell in the middle.
    MODERN = auto()
    #: 7900 with Java: XML about the device only, HTML tables in upper case without ITL signature.
    JAVA = auto()
    #: 7940 and 7960: XML in ISO-8859-1, no ITL.
    LEGACY = auto()
    #: 6900 and 7937: lines of text.
    LOCAL_MENUS = auto()


def form_of(phone: Phone) -> Form:
    """Return how a phone shows its pages."""
    short = phone.kind.short
    if short.startswith(("CP-69", "CP-7937")):
        return Form.LOCAL_MENUS
    if short in {"CP-7940G", "CP-7960G"}:
        return Form.LEGACY
    return Form.JAVA if short.startswith("CP-79") else Form.MODERN


def https_only(phone: Phone) -> bool:
    """Tell whether a phone's plain pages point to those over TLS: its owner set Web Protocol so for the 8832."""
    return phone.kind.short == "CP-8832"


def serial_number(phone: Phone) -> str:
    """Return a phone's serial number, in Cisco's form and always the same."""
    return f"FCH{sha256(phone.name.encode()).hexdigest()[:8].upper()}"


def phone_app(world: World, phone: Phone, *, secure: bool = True) -> App:
    """Return what answers for one phone.

    Args:
        world: the world it lives in.
        phone: the phone.
        secure: whether it is asked over TLS.
    """

    def app(method: str, path: str, headers: Mapping[str, str], body: bytes) -> AppAnswer:
        del headers, body
        if method not in {"GET", "HEAD"}:
            return one_answer(405, "text/html", b"")
        if not secure and https_only(phone):
            status, answer, pieces = one_answer(301, "text/html", b"")
            return status, [*answer, ("location", f"https://{phone.address}{path}")], pieces
        with world.cluster.lock:
            page = _pages(world, phone).get(path)
        if page is None:
            return one_answer(404, "text/html", b"<html><body>Object Not Found</body></html>")
        content_type, text = page
        charset = "iso-8859-1" if form_of(phone) is Form.LEGACY else "utf-8"
        return one_answer(200, content_type, text.encode(charset, "xmlcharrefreplace"))

    return app


def _pages(world: World, phone: Phone) -> dict[str, tuple[str, str]]:
    """Return the pages that a phone has: content type and text by path and query."""
    form = form_of(phone)
    status = {"/": ("text/html; charset=utf-8", _status(world, phone))}
    if form is Form.LOCAL_MENUS:
        network = _lines(_network(world, phone))
        return status | {
            "/localmenus.cgi?func=604": ("text/html", _lines(_device_rows(phone))),
            "/localmenus.cgi?func=219": ("text/html", network),
        }
    pages = status | {"/DeviceInformationX": ("text/xml", _device_xml(phone, form))}
    if form is Form.LEGACY:
        return pages | {"/NetworkConfigurationX": ("text/xml", _network_xml(world, phone))}
    html = {
        f"{_SERVICEABILITY}?adapter=device.statistics.device": _table(phone, _device_rows(phone)),
        f"{_SERVICEABILITY}?adapter=device.statistics.configuration": _table(phone, _network_rows(world, phone)),
    }
    pages |= {path: ("text/html", text) for path, text in html.items()}
    if form is Form.MODERN:
        pages["/NetworkConfigurationX"] = ("text/xml", _network_xml(world, phone))
    return pages


def _mode(world: World, phone: Phone) -> str:
    mode = world.cluster.profiles[phone.profile].device_security_mode
    return _MODES.get(mode, mode)


def _shown(phone: Phone, held: HeldList | None) -> str:
    """Return a list's hash as a family spells it."""
    if held is None:
        return _NONE
    if phone.kind.short == "CP-8832":
        return sha1(held.data, usedforsecurity=False).hexdigest().upper()
    return held.md5


def _network(world: World, phone: Phone) -> list[tuple[str, str]]:
    """Return the rows of the network page that every family has."""
    address = phone.address
    rows = [
        ("Host Name", phone.name),
        ("MAC Address", phone.name.removeprefix("SEP")),
        ("Domain Name", ""),
        ("DHCP Server", address.rpartition(".")[0] + ".254"),
        ("IP Address", address),
        ("Security Mode", _mode(world, phone)),
        ("Web Access", "Yes"),
        ("CTL File", _shown(phone, phone.ctl)),
    ]
    if phone.kind.security_by_default:
        rows.append(("ITL File", _shown(phone, phone.itl)))
    return rows


def _network_rows(world: World, phone: Phone) -> list[tuple[str, str]]:
    rows = _network(world, phone)
    if form_of(phone) is Form.JAVA:
        return rows
    if phone.kind.short != "CP-8832":
        # 7800 and 8800 begin with a capital, and write the rest small: "CTL file".
        rows = [(name.replace(" File", " file").replace(" Mode", " mode"), value) for name, value in rows]
    shown = _shown(phone, phone.itl)
    spaced = shown if phone.itl is None else " ".join(shown[place : place + 2] for place in range(0, len(shown), 2))
    itl = "ITL Signature" if phone.kind.short == "CP-8832" else "ITL signature"
    return [*rows, (itl, spaced), ("CAPF server", ""), ("TVS", "")]


def _device_rows(phone: Phone) -> list[tuple[str, str]]:
    return [
        ("MAC Address", phone.name.removeprefix("SEP")),
        ("Host Name", phone.name),
        ("Phone DN", phone.extension),
        ("Version", phone.load),
        ("Serial Number", serial_number(phone)),
        ("Model Number", phone.kind.short),
    ]


def _status(world: World, phone: Phone) -> str:
    """Return the page for a person who opens the phone's address."""
    rows = [*_device_rows(phone), *_network(world, phone), ("Status Message", phone.message)]
    # What a person compares with `show ctl`: the same for every family.
    rows = [(name, value) for name, value in rows if name not in {"CTL File", "ITL File"}]
    rows += [("CTL File", _NONE if phone.ctl is None else phone.ctl.md5)]
    rows += [("ITL File", _NONE if phone.itl is None else phone.itl.md5)]
    return _table(phone, rows)


def _table(phone: Phone, rows: list[tuple[str, str]]) -> str:
    lines = "".join(
        f"<tr><td><b>{escape(name)}</b></td><td width=20></td><td><b>{escape(value)}</b></td></tr>\n"
        for name, value in rows
    )
    text = (
        f"<html><head><title>Cisco Systems, Inc. ( {escape(phone.kind.short)} )</title></head><body>\n"
        f"<p>LAB phone, simulated</p><table>\n{lines}</table></body></html>\n"
    )
    if form_of(phone) is Form.JAVA:
        for tag in ("tr", "td", "b", "table"):
            text = text.replace(f"<{tag}>", f"<{tag.upper()}>").replace(f"</{tag}>", f"</{tag.upper()}>")
    return text


def _lines(rows: list[tuple[str, str]]) -> str:
    return "<html><body><pre>\n" + "".join(f"{escape(name)} : {escape(value)}\n" for name, value in rows) + "</pre>\n"


def _xml(root: str, charset: str, elements: list[tuple[str, str]]) -> str:
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements)
    return f'<?xml version="1.0" encoding="{charset}"?>\n<{root}>{inside}</{root}>\n'


def _device_xml(phone: Phone, form: Form) -> str:
    legacy = form is Form.LEGACY
    elements = [
        ("MACAddress", phone.name.removeprefix("SEP")),
        ("HostName", phone.name),
        ("phoneDN", phone.extension),
        # On the oldest phones the load is the application's, on all others the version names it.
        ("appLoadID", phone.load if legacy else f"rootfs.{phone.load}"),
        ("versionID", "8.1(2.0)" if legacy else phone.load),
        ("addonModule1", ""),
        ("serialNumber", serial_number(phone)),
        ("modelNumber", phone.kind.short),
        ("MessageWaiting", " Non" if legacy else "No"),
    ]
    return _xml("DeviceInformation", "iso-8859-1" if legacy else "utf-8", elements)


def _network_xml(world: World, phone: Phone) -> str:
    rows = _network(world, phone)
    if phone.kind.short.startswith("CP-88"):
        # No source prints what is in this page; here the 8800 leave the lists to the HTML page.
        rows = [(name, value) for name, value in rows if "File" not in name and "Security" not in name]
    elements = [(name.replace(" ", ""), value) for name, value in rows]
    return _xml("NetworkConfiguration", "iso-8859-1" if form_of(phone) is Form.LEGACY else "utf-8", elements)
