"""Reading what the certificate API answers. Bytes in, values out.

Cisco publishes no schema. The shape is what two public programs read from CUCM 14 and 15; where they differ, both are
taken: a trust store named with or without `-trust`, one certificate or a bundle in a text, a text or an object with
`certificate` or `certificateData`. An element that is missing is said; an element that is something else is said too,
and nothing is guessed from it.
"""

import base64
import json
import re
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from typing import Final

from ctlctl.connectors.certificate_api_ports import (
    CertificatePlace,
    CertificateSnapshot,
    ListedCertificate,
    Unread,
)
from ctlctl.connectors.ports import printable
from ctlctl_trust.certificate import CertificateError, read_certificate

# Levels of an answer: the deepest known is 5.
MAX_DEPTH: Final = 16
# Commas and brackets of an answer. 2,000 certificates with all that may stand round them have some 20,000; each costs
# Python about 60 bytes, and an answer of nothing else would be many times its size.
MAX_MARKS: Final = 100_000
# Certificates of an answer: ten times what the largest known node has.
MAX_CERTIFICATES: Final = 2_000
# Things that could not be read; the last of them says how many more there are.
MAX_UNREAD: Final = 100
# Characters of a store's or a file's name.
_MAX_NAME: Final = 128

# A text never fails to match, closed or not, so that no byte is looked at twice.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{},]', re.DOTALL)
_PEM: Final = re.compile(r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----([^-]*)-----END \1-----")
_REQUEST: Final = re.compile(r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----")
_TRUST: Final = "-trust"


class ShapeError(Exception):
    """The answer is not what the certificate API answers; the text says why."""


def read_json(content: bytes) -> object:
    """Read JSON of a server, within bounds.

    Args:
        content: The whole body.

    Raises:
        ShapeError: It is no JSON, is cut, or too deep or too full.
    """
    try:
        text = content.decode("utf-8-sig")
        _check_bounds(text)
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        # Besides wrong syntax: bytes that are no UTF-8, and numbers longer than Python reads.
        raise ShapeError(f"half an answer, or no JSON at all ({type(error).__name__})") from None
    return value


def _check_bounds(text: str) -> None:
    depth = marks = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark[0] == '"':
            continue
        marks += 1
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            raise ShapeError(f"the answer is nested deeper than {MAX_DEPTH} levels")
        if marks > MAX_MARKS:
            raise ShapeError(f"the answer has more than {MAX_MARKS:,} elements")


def read_message(content: bytes) -> str:
    """Return what an error answer says, as it says it: its `message`, or the first of its `messages`; or ""."""
    try:
        answer = read_json(content)
    except ShapeError:
        return ""
    if not isinstance(answer, Mapping):
        return ""
    said = answer.get("message")
    several = answer.get("messages")
    if not isinstance(said, str) and isinstance(several, list) and several:
        said = several[0].get("message") if isinstance(several[0], Mapping) else several[0]
    return said.strip() if isinstance(said, str) else ""


def read_snapshot(content: bytes) -> CertificateSnapshot:
    """Read the answer to `snapshot/server`.

    Args:
        content: The whole body.

    Returns:
        What could be read, and what could not.

    Raises:
        ShapeError: It is no such answer at all.
    """
    answer = read_json(content)
    if not isinstance(answer, Mapping) or not {"identities", "trusts"} & answer.keys():
        raise ShapeError("the answer has neither identities nor trusts")
    reading = _Reading()
    for entry in reading.entries(answer, "identities"):
        reading.identity(entry)
    for entry in reading.entries(answer, "trusts"):
        reading.trust(entry)
    return CertificateSnapshot(
        server=_name(answer.get("server")) or "",
        certificates=tuple(reading.certificates),
        requests=tuple(dict.fromkeys(reading.requests)),
        unread=reading.problems(),
    )


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.certificates: dict[ListedCertificate, None] = {}
        self.requests: list[str] = []
        self._unread: list[Unread] = []
        self._left = self._tried = 0

    def problems(self) -> tuple[Unread, ...]:
        """Return what could not be read, and how much of that is not shown."""
        left = (Unread("", None, "", f"{self._left} more parts cannot be read"),) if self._left else ()
        return (*self._unread, *left)

    def complain(self, reason: str, store: str = "", place: CertificatePlace | None = None, file: str = "") -> None:
        """Note something that cannot be read."""
        if len(self._unread) < MAX_UNREAD:
            self._unread.append(Unread(store, place, file, reason))
        else:
            self._left += 1

    def entries(self, answer: Mapping[str, object], key: str) -> Iterator[Mapping[str, object]]:
        """Give the objects of a list in the answer."""
        listed = answer.get(key)
        if not isinstance(listed, list):
            self.complain(f"the answer has no {key}" if listed is None else f"its {key} are no list")
            return
        for entry in listed:
            if isinstance(entry, Mapping):
                yield entry
            else:
                self.complain(f"an element of {key} is no object")

    def identity(self, entry: Mapping[str, object]) -> None:
        """Read a unit's own certificate and request."""
        store = _name(entry.get("service"))
        if store is None or store.lower().endswith(_TRUST):
            self.complain("an own certificate has no usable service")
            return
        request = entry.get("csr")
        if isinstance(request, str) and _REQUEST.search(request):
            self.requests.append(store)
        elif request not in (None, ""):
            self.complain("its certificate signing request is none", store)
        # What follows the first is the chain to its authority, which trust stores hold.
        self._add(entry.get("certificate"), store, "own", _name(entry.get("filename")) or "", only_first=True)

    def trust(self, entry: Mapping[str, object]) -> None:
        """Read the certificates of a trust store."""
        service = _name(entry.get("service"))
        if service is None:
            self.complain("a trust store has no usable service")
            return
        store = service if service.lower().endswith(_TRUST) else service + _TRUST
        listed = next((entry[key] for key in ("certificate_data", "certificates") if key in entry), None)
        if listed is None:
            # One object for each certificate instead of one for each store.
            listed = [entry] if "certificate" in entry else []
            if not listed:
                self.complain("the answer names the store and no certificates", store, None)
        if not isinstance(listed, list):
            self.complain("its certificates are no list", store, None)
            return
        for each in listed:
            if isinstance(each, Mapping):
                content = next((each[key] for key in ("certificate", "certificateData") if key in each), None)
                self._add(content, store, "trust", _name(each.get("filename")) or "")
            else:
                self._add(each, store, "trust", "")

    def _add(
        self, content: object, store: str, place: CertificatePlace, file: str, *, only_first: bool = False
    ) -> None:
        if content is None or (isinstance(content, str) and not content.strip()):
            # A unit that has none; a trust store does not list what it has not.
            if place == "trust":
                self.complain("its certificate is empty", store, place, file)
            return
        blocks = list(_blocks(content)) if isinstance(content, str) else []
        if not blocks:
            self.complain("its certificate is no PEM", store, place, file)
        for der in blocks[:1] if only_first else blocks:
            # Those that cannot be read count too: trying costs more than reading.
            self._tried += 1
            if self._tried > MAX_CERTIFICATES:
                raise ShapeError(f"the answer has more than {MAX_CERTIFICATES:,} certificates")
            try:
                # Only the DER is kept; this asks whether it is a certificate at all.
                read_certificate(der)
            except CertificateError as error:
                self.complain(f"its certificate cannot be read ({printable(str(error))})", store, place, file)
                continue
            self.certificates[ListedCertificate(store, place, file, der)] = None


def _blocks(text: str) -> Iterator[bytes]:
    # A line end that was escaped twice on its way stands as a backslash and an n, which no base64 has.
    for found in _PEM.finditer(text.replace("\\r", "").replace("\\n", "\n")):
        try:
            yield base64.b64decode("".join(found[2].split()), validate=True)
        except (Base64Error, ValueError):
            # Something is there: whoever reads it says that it is no certificate.
            yield b""


def _name(value: object) -> str | None:
    """Return a name; None for what is none."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    name = value.strip()
    return name if 0 < len(name) <= _MAX_NAME else None
