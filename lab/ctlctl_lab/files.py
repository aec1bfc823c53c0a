"""What each TFTP node serves: trust lists, and every phone's signed configuration.

The CTL is one file for the cluster and changes only when somebody says so (`utils ctl update CTLFile`); each node's
ITL is its own and follows the certificates by itself. Signer by release: CallManager up to 11.5, ITLRecovery from 12.0.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from xml.sax.saxutils import escape

from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    ENTERPRISE_NODE,
    ENTERPRISE_SERVICE,
    SERVICE_CALLMANAGER,
    SERVICE_TFTP,
    TVS,
    Cluster,
    Identity,
    Node,
    Phone,
)
from ctlctl_trust import Kind, ListPlan, RecordPlan, SigningIdentity, build_signed_file, build_trust_list
from ctlctl_trust.signature import SHA1, SHA512, Digest
from ctlctl_trust.signedfilebuild import FilePlan
from ctlctl_trust.tlv import Role

#: Enterprise parameter "TFTP File Signature Algorithm"; its internal name is not public, this one is the lab's.
SIGNATURE_PARAMETER = (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "TFTPFileSignatureAlgorithm")

#: Enterprise parameter "Prepare Cluster for Rollback to pre 8.0": "T" makes ITLs without TFTP and TVS.
ROLLBACK_PARAMETER = (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "RollBackToPreGrayback")

_LIST_NAME = re.compile(r"(?P<kind>CTL|ITL)(?:File|SEP[0-9A-F]{12})\.tlv")
_CONFIG_NAME = re.compile(r"(?P<phone>SEP[0-9A-F]{12})\.cnf\.xml(?P<signed>\.sgn)?")

_MODE_NUMBERS = {"Non Secure": 1, "Authenticated": 2, "Encrypted": 3}
_CAPF_MODES = {
    "By Authentication String": 1,
    "By Null String": 2,
    "By Existing Certificate (precedence to LSC)": 3,
    "By Existing Certificate (precedence to MIC)": 4,
}


class TftpFiles:
    """The files of a cluster. Use it under `Cluster.lock`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.ctl: bytes | None = None
        self._itl: dict[str, bytes] = {}
        self._config = lru_cache(maxsize=512)(self._make_config)

    def itl(self, node: Node) -> bytes | None:
        """Return the ITL of one node, or None where the TFTP service is not activated."""
        return self._itl.get(node.name)

    def get(self, node: Node, name: str) -> bytes | None:
        """Return a file by the name a phone asks for, or None where there is none."""
        if found := _LIST_NAME.fullmatch(name):
            return self.ctl if found["kind"] == "CTL" else self.itl(node)
        if (found := _CONFIG_NAME.fullmatch(name)) and (phone := self._cluster.phones.get(found["phone"])) is not None:
            text = self._config_text(phone)
            return self._config(name, text, _signer(node)) if found["signed"] else text
        return None

    def clear(self) -> None:
        """Forget every file."""
        self.ctl = None
        self._itl = {}
        self._config.cache_clear()

    def rebuild_itl(self, now: float, *, other_anchor: bool = False) -> None:
        """Build the ITL of every TFTP node from the certificates installed now.

        Args:
            now: signing time.
            other_anchor: whether the anchor signs that otherwise does not.
        """
        nodes = [node for node in self._cluster.nodes.values() if SERVICE_TFTP in node.services]
        self._itl = {node.name: self._build_itl(node, int(now), other_anchor=other_anchor) for node in nodes}

    def rebuild_ctl(self, now: float, tokens: Sequence[Identity] = (), *, other_anchor: bool = False) -> None:
        """Build the CTL, as ``utils ctl update CTLFile`` does, or the Windows client with hardware tokens.

        Args:
            now: signing time.
            tokens: the tokens, of which the first signs; none for a tokenless CTL.
            other_anchor: whether the anchor signs that otherwise does not.
        """
        cluster = self._cluster
        publisher = cluster.publisher
        capf = self._capf()
        if tokens:
            # Lists of the token era carry neither the token's address nor its certificate's signature.
            sast = [RecordPlan(Role.SAST, token.certificate, "", None, with_signature=False) for token in tokens]
            signer = tokens[0]
        else:
            signer = self._anchor(publisher, other=other_anchor)
            sast = self._sast(publisher)
        serving = [node for node in cluster.nodes.values() if node.services & {SERVICE_CALLMANAGER, SERVICE_TFTP}]
        if cluster.security_mode:
            servers = [_record(Role.CCM_TFTP, node, node.identities[CALLMANAGER]) for node in serving]
        else:
            # A cluster that left mixed mode keeps the file, and in it the servers without their certificates.
            servers = [RecordPlan(Role.CCM_TFTP, None, node.name, node.address) for node in serving]
        self.ctl = self._sign(Kind.CTL, [*sast, *servers, *capf], int(now), signer)

    def _build_itl(self, node: Node, now: int, *, other_anchor: bool) -> bytes:
        role = Role.CCM_TFTP if self._cluster.security_mode else Role.TFTP
        servers = [
            _record(role, node, node.identities[CALLMANAGER]),
            *(_record(Role.TVS, each, each.identities[TVS]) for each in self._cluster.nodes.values()),
        ]
        blank = self._cluster.service_parameters.get(ROLLBACK_PARAMETER) == "T"
        records = [*self._sast(node), *([] if blank else servers), *self._capf()]
        return self._sign(Kind.ITL, records, now, self._anchor(node, other=other_anchor))

    def _anchor(self, node: Node, *, other: bool) -> Identity:
        """Return who signs: CallManager up to 11.5 and ITLRecovery from 12.0, or the other one of the two."""
        return node.identities[CALLMANAGER] if (self._cluster.major < 12) is not other else self._cluster.itl_recovery

    def _sast(self, node: Node) -> list[RecordPlan]:
        publisher = self._cluster.publisher
        return [
            _record(Role.SAST, publisher, self._cluster.itl_recovery),
            _record(Role.SAST, node, node.identities[CALLMANAGER]),
        ]

    def _capf(self) -> list[RecordPlan]:
        nodes = self._cluster.nodes.values()
        return [_record(Role.CAPF, node, node.identities[CAPF]) for node in nodes if CAPF in node.identities]

    def _sign(self, kind: Kind, records: Sequence[RecordPlan], now: int, signer: Identity) -> bytes:
        # The capability flag came with 11.5; lists of 10.x do without it.
        version = (1, 0) if self._cluster.major >= 11 else None
        plan = ListPlan(kind, records, now, self.digest, signer_version=version)
        return build_trust_list(plan, SigningIdentity.from_key(signer.certificate, signer.key))

    @property
    def digest(self) -> Digest:
        """What files are signed with: SHA-1 unless the enterprise parameter says SHA-512, as on a genuine cluster."""
        return SHA512 if self._cluster.service_parameters.get(SIGNATURE_PARAMETER) == "SHA-512" else SHA1

    def _make_config(self, name: str, text: bytes, signer: Identity) -> bytes:
        plan = FilePlan(name, int(self._cluster.clock.now()), self.digest)
        return build_signed_file(plan, text, SigningIdentity.from_key(signer.certificate, signer.key))

    def _config_text(self, phone: Phone) -> bytes:
        cluster = self._cluster
        profile = cluster.profiles[phone.profile]
        members = cluster.callmanager_groups[cluster.device_pools[phone.device_pool].callmanager_group]
        secure = cluster.security_mode == 1
        mode = _MODE_NUMBERS[profile.device_security_mode] if secure else 1
        servers = "".join(
            f'<member priority="{order}"><callManager><name>{escape(name)}</name><ports><ethernetPhonePort>2000'
            "</ethernetPhonePort><sipPort>5060</sipPort><securedSipPort>5061</securedSipPort></ports>"
            f"<processNodeName>{cluster.nodes[name].address}</processNodeName></callManager></member>"
            for order, name in enumerate(members)
        )
        capf = "".join(
            f"<capf><phonePort>3804</phonePort><processNodeName>{node.address}</processNodeName></capf>"
            for node in cluster.nodes.values()
            if CAPF in node.identities
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<device><fullConfig>true</fullConfig><deviceProtocol>{phone.protocol}</deviceProtocol>"
            f"<devicePool><name>{escape(phone.device_pool)}</name>"
            f"<callManagerGroup><members>{servers}</members></callManagerGroup></devicePool>"
            f"<loadInformation>{escape(phone.load)}</loadInformation>"
            f"<vendorConfig><webAccess>{0 if phone.httpd else 1}</webAccess></vendorConfig>"
            f"<deviceSecurityMode>{mode}</deviceSecurityMode>"
            f"<transportLayerProtocol>{3 if mode > 1 else 1}</transportLayerProtocol>"
            f"<capfAuthMode>{_CAPF_MODES[profile.authentication_mode] if phone.capf.pending else 0}</capfAuthMode>"
            f"<capfList>{capf}</capfList><certHash></certHash>"
            "<encrConfig>false</encrConfig></device>\n"
        ).encode()


def _signer(node: Node) -> Identity:
    """Return what TFTP signs phones' files with: what it loaded when it started."""
    return node.presents(SERVICE_TFTP, CALLMANAGER) or node.identities[CALLMANAGER]


def _record(role: Role, node: Node, identity: Identity) -> RecordPlan:
    return RecordPlan(role, identity.certificate, node.name, node.address)
