"""The web page of a phone: who it is, whom it trusts, and its newest status message.

Element names are those of public clients and of the administration guides' tables; a phone that has no list shows
"Not Installed".
"""

from collections.abc import Mapping
from html import escape

from ctlctl_lab.model import App, AppAnswer, Phone
from ctlctl_lab.web import one_answer
from ctlctl_lab.world import World


def phone_app(world: World, phone: Phone) -> App:
    """Return what answers for one phone.

    Args:
        world: the world it lives in.
        phone: the phone.
    """

    def app(method: str, path: str, headers: Mapping[str, str], body: bytes) -> AppAnswer:
        del headers, body
        if method not in {"GET", "HEAD"}:
            return one_answer(405, "text/html", b"")
        with world.cluster.lock:
            match path.partition("?")[0]:
                case "/":
                    return one_answer(200, "text/html; charset=utf-8", _page(world, phone))
                case "/DeviceInformationX":
                    return one_answer(200, "text/xml", _device(phone))
                case _:
                    return one_answer(404, "text/html", b"<html><body>Not found</body></html>")

    return app


def _rows(world: World, phone: Phone) -> list[tuple[str, str]]:
    profile = world.cluster.profiles[phone.profile]
    return [
        ("Host Name", phone.name),
        ("Model Number", phone.kind.short),
        ("App Load ID", phone.load),
        ("Phone DN", phone.extension),
        ("Security Mode", profile.device_security_mode),
        ("CTL File", "Not Installed" if phone.ctl is None else phone.ctl.md5),
        ("ITL File", "Not Installed" if phone.itl is None else phone.itl.md5),
        ("Status Message", phone.message),
    ]


def _page(world: World, phone: Phone) -> bytes:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>\n" for name, value in _rows(world, phone))
    return (
        f"<html><head><title>Cisco Systems, Inc. ( {escape(phone.kind.short)} )</title></head><body>\n"
        f"<p>LAB phone, simulated</p><table>\n{rows}</table></body></html>\n"
    ).encode()


def _device(phone: Phone) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<DeviceInformation>'
        f"<MACAddress>{phone.name.removeprefix('SEP')}</MACAddress><HostName>{phone.name}</HostName>"
        f"<phoneDN>{phone.extension}</phoneDN><appLoadID>{escape(phone.load)}</appLoadID>"
        f"<modelNumber>{escape(phone.kind.short)}</modelNumber></DeviceInformation>\n"
    ).encode()
