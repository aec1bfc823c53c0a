"""`ctlctl verify cluster:NAME` and `--against NAME`: lists held against the certificates in use in a cluster.

What should be in a list is decided where the daemon decides it (`ctlctl.assess.expected`), from what AXL says now.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from ctlctl.assess.expected import Comparison, compare
from ctlctl.assess.known import SERVICE_TFTP, Known
from ctlctl.cluster.refused import refused_accounts
from ctlctl.cluster.soapview import open_axl
from ctlctl.connectors.errors import ConnectorError
from ctlctl.inventory.collect_axl import AxlReading, read_cluster
from ctlctl.inventory.collect_lists import read_lists
from ctlctl.inventory.values import SeenCertificate, Snapshot
from ctlctl.inventory.words import Fault, ListKind, Source
from ctlctl.verify.engine import verdict_of
from ctlctl.verify.helpers import HelperError
from ctlctl.verify.result import Result
from ctlctl.verify.settings import UsageError
from ctlctl.verify.sources import Content
from ctlctl_config import ClusterSettings, SecretError, Settings, SettingsError, load_settings
from ctlctl_config.names import no_such_cluster
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import Finding, FindingLog

_FILES: Final[dict[ListKind, str]] = {"ctl": "CTLFile.tlv", "itl": "ITLFile.tlv"}


class SettingsClusters:
    """The clusters in a settings file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, CertificatesInUse] = {}

    def _all(self, name: str) -> Settings:
        """Return settings that have a cluster."""
        try:
            settings = load_settings(self._path)
        except SettingsError as error:
            raise UsageError(str(error)) from None
        if name not in settings.clusters:
            raise UsageError(no_such_cluster(self._path, name, settings.clusters))
        return settings

    def _settings(self, name: str) -> ClusterSettings:
        return self._all(name).clusters[name]

    def lists(self, name: str) -> Iterator[tuple[str, Content]]:
        """Give node and content of every list of every TFTP node.

        Raises:
            UsageError: there is no such cluster in the settings.
        """
        for node, kind, data in read_lists(self._settings(name).nodes):
            file = _FILES[kind]
            target = f"cluster:{name} {node} {file}"
            if isinstance(data, Fault):
                yield node, Content(target, None, file, file, problem=Finding(Code.UNREACHABLE, data.detail))
            elif data is not None:
                yield node, Content(target, data, file, file, len(data))
            elif kind == "itl" or self._is_mixed(name):
                yield node, Content(target, None, file, file, problem=Finding(Code.UNREADABLE, "the node serves none"))

    def _is_mixed(self, name: str) -> bool:
        try:
            return self._in_use(name).known.is_mixed
        except HelperError:
            # Said once, where the certificates are asked for.
            return False

    def in_use(self, name: str) -> "CertificatesInUse":
        """Ask a cluster for its certificates; asked once.

        Raises:
            UsageError: there is no such cluster in the settings.
            HelperError: it cannot be asked.
        """
        return self._in_use(name)

    def _in_use(self, name: str) -> "CertificatesInUse":
        if name not in self._known:
            settings = self._all(name)
            try:
                with refused_accounts(settings, name).opening(open_axl)(name, settings.clusters[name]) as axl:
                    reading = read_cluster(axl)
            except (ConnectorError, SecretError) as error:
                raise HelperError(f"the certificates in use in {name} are not known: {error}") from None
            self._known[name] = CertificatesInUse(name, reading)
        return self._known[name]


class CertificatesInUse:
    """What a cluster has in use, as AXL says.

    Attributes:
        known: its certificates and nodes.
    """

    def __init__(self, name: str, reading: AxlReading) -> None:
        at = int(time.time())
        certificates = (
            SeenCertificate(Source.AXL, node, store, der, at, at) for node, store, der in reading.certificates
        )
        snapshot = Snapshot(
            cluster=name,
            facts=reading.facts,
            mode_changes=(),
            sources={},
            nodes=reading.nodes,
            phones=(),
            retired=0,
            lists=(),
            certificates=tuple(certificates),
            ports=(),
            profiles=(),
        )
        self.known = Known(snapshot)
        self._name = name

    def judge(self, result: Result, node: str | None = None) -> Result:
        """Hold a list against what should be in it."""
        report = result.list_report
        kind: ListKind | None = "ctl" if result.kind == "ctl" else "itl" if result.kind == "itl" else None
        if report is None or kind is None or result.findings.invalid:
            return result
        log = FindingLog()
        log.extend(result.findings)
        if kind == "itl" or self.known.is_mixed:
            comparison = self._compare(kind, node, result)
            for wanted in comparison.missing:
                log.add(
                    Code.CERTIFICATE_IN_USE_MISSING, f"{wanted.describe()}: in use in {self._name}, not in the list"
                )
            if comparison.undecided:
                log.add(Code.NOT_COMPARED, f"{self._name} does not tell: {', '.join(comparison.undecided)}")
        else:
            log.add(Code.NOT_COMPARED, f"{self._name} is not in mixed mode: nothing says what its CTL should have")
        candidate = None if report.signer is None else report.signer.candidate
        certificate = None if candidate is None else candidate.certificate
        anchored, vouched_by = report.anchored, None
        if anchored is None and certificate is not None and certificate.list_key in self.known.keys:
            anchored, vouched_by = True, self._name
        findings = log.freeze()
        return result._replace(
            findings=findings,
            verdict=verdict_of(findings, anchored=anchored),
            list_report=replace(report, anchored=anchored),
            vouched_by=vouched_by,
        )

    def _compare(self, kind: ListKind, node: str | None, result: Result) -> Comparison:
        report = result.list_report
        if report is None:
            raise AssertionError("only lists are compared")
        if node is not None or kind == "ctl":
            return compare(kind, node or "", report, self.known)
        # Whose ITL it is does not stand in it; it is that of the node of which it lacks least.
        nodes = [each.name for each in self.known.nodes_running(SERVICE_TFTP)] or [""]
        return min((compare(kind, each, report, self.known) for each in nodes), key=lambda one: len(one.missing))
