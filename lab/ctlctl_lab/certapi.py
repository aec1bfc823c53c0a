"""The certificate REST API of every node (CUCM 14 and later): what is installed and trusted there, as JSON.

Cisco publishes no schema; shapes and realm are those that public programs read from genuine nodes. Nothing is changed
through it here. It knows platform accounts, not application users.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from json import dumps
from typing import Final
from urllib.parse import parse_qs

from ctlctl_lab.identity import Identity, make_pkid
from ctlctl_lab.model import Node
from ctlctl_lab.nodestate import own_certificates, trust_certificates
from ctlctl_lab.soap.answers import Answer, page
from ctlctl_lab.soap.ports import LabWorld

BASE: Final = "/platformcom/api/v1/certmgr/config"
#: The service that answers; where it does not run, Tomcat knows no such path.
SERVICE: Final = "Platform Communication Web Service"
REALM: Final = "CMPlatform"
#: First release that has it.
SINCE: Final = 14
_JSON: Final = "application/json"
_TRUST: Final = "-trust"


class CertificateApi:
    """The API of every node of one cluster."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world
        self._cluster = world.cluster
        self._asked = 0

    def answer(self, node: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer a request.

        Args:
            node: name of the node that was asked.
            method: of HTTP, in upper case.
            path: with its query.
            headers: names in lower case.
        """
        place, _, query = path.partition("?")
        with self._cluster.lock:
            here = self._cluster.nodes[node]
            if self._cluster.major < SINCE or not here.runs(SERVICE):
                return page(HTTPStatus.NOT_FOUND, "Not Found")
            if not self._is_known(node, headers.get("authorization", "")):
                realm = ("www-authenticate", f'Basic realm="{REALM}"')
                return page(HTTPStatus.UNAUTHORIZED, "Unauthorized", realm)
            if method not in {"GET", "HEAD"}:
                return _refuse(HTTPStatus.METHOD_NOT_ALLOWED, "lab: certificates can only be read here")
            services = parse_qs(query).get("service", [])
            service = services[0] if services else ""
            match place.removeprefix(BASE):
                case "/snapshot/server":
                    return _json(self._snapshot(here))
                case "/identity/certificate":
                    return self._identity(here, service)
                case "/trust/certificate":
                    return self._trusted(service)
        return page(HTTPStatus.NOT_FOUND, "Not Found")

    def _is_known(self, node: str, authorization: str) -> bool:
        scheme, _, encoded = authorization.strip().partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, _, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return False
        return self._world.platform_login(node, user, password) is not None

    def _snapshot(self, node: Node) -> object:
        self._asked += 1
        return {
            "trackingId": make_pkid("tracking", node.name, self._asked),
            "server": node.name,
            "identities": [
                {"service": unit, "certificate": pem(identity.der), "csr": ""}
                for unit, identity in own_certificates(self._cluster, node).items()
            ],
            "trusts": [
                {"service": store.removesuffix(_TRUST), "certificate_data": list(_files(identities))}
                for store, identities in trust_certificates(self._cluster).items()
            ],
            "revokedCertificates": [],
        }

    def _identity(self, node: Node, service: str) -> Answer:
        identity = own_certificates(self._cluster, node).get(service)
        if identity is None:
            return _refuse(HTTPStatus.BAD_REQUEST, f"lab: there is no service {service!r}")
        return _json({"service": service, "certificate": pem(identity.der)})

    def _trusted(self, service: str) -> Answer:
        identities = trust_certificates(self._cluster).get(service.removesuffix(_TRUST) + _TRUST)
        if identities is None:
            return _refuse(HTTPStatus.BAD_REQUEST, f"lab: there is no trust store of {service!r}")
        return _json({"certificates": list(_files(identities))})


def _files(identities: Iterable[Identity]) -> Iterable[dict[str, str]]:
    return ({"filename": f"{each.common_name}.pem", "certificate": pem(each.der)} for each in identities)


def pem(der: bytes) -> str:
    """Return a certificate as PEM."""
    text = b64encode(der).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def _json(value: object, status: int = HTTPStatus.OK) -> Answer:
    return Answer(status, [dumps(value).encode()], _JSON)


def _refuse(status: int, message: str) -> Answer:
    return _json({"messages": [message]}, status)
