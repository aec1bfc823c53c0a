"""Writing the snapshot that `ctlctl` reads."""

from collections.abc import Sequence

from ctlctl.assess.model import PhoneView
from ctlctl.fleet.documents import cluster_document, phone_documents
from ctlctl.fleet.files import SnapshotFiles
from ctlctl.inventory.values import Snapshot
from ctlctl.service.hub import ClusterReport


class SnapshotWriter:
    """Writes what is known of clusters, after each assessment."""

    def __init__(self, files: SnapshotFiles) -> None:
        self._files = files

    def write(self, snapshot: Snapshot, report: ClusterReport, views: Sequence[PhoneView]) -> None:
        """Write one cluster.

        Raises:
            OSError: it cannot be written; the older one stays.
        """
        self._files.write(report.name, cluster_document(report), phone_documents(snapshot, views))

    def forget(self, name: str) -> None:
        """Remove a cluster that is no more in the settings."""
        self._files.forget(name)
