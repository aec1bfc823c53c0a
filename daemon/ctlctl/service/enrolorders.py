"""Ordering the renewal of a user's certificate: CAPF issues nothing that the profile does not order."""

from collections.abc import Callable, Mapping
from typing import Final

from ctlctl.act.profiles import ProfileActions, ProfileRefusedError, ProfileWish
from ctlctl.assess.model import Json
from ctlctl.connectors.axl_enums import AuthenticationMode, CertificateOperation
from ctlctl.connectors.axl_values import CapfUserKind
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.service.openers import Opener
from ctlctl.store.store import Store
from ctlctl_config.enrolment import EnrolmentSettings
from ctlctl_config.model import ClusterSettings

_WHO: Final = "ctld"


class ProfileOrders:
    """Orders renewals in the CAPF profiles of users, by the account that is kept for changes."""

    def __init__(
        self, cluster: str, settings: ClusterSettings, opener: Opener, store: Store, now: Callable[[], float]
    ) -> None:
        """Do nothing yet.

        Args:
            cluster: the cluster's name.
            settings: its settings.
            opener: opens AXL for changes.
            store: where the audit log is.
            now: the clock, seconds since 1970.
        """
        self._cluster = cluster
        self._settings = settings
        self._opener = opener
        self._store = store
        self._now = now

    def order(self, enrolment: EnrolmentSettings) -> None:
        """Set the profile to Install/Upgrade by the existing certificate; one that is pending already is left alone.

        Raises:
            ConnectorError: it was not set, or nobody knows.
        """
        kind = CapfUserKind.APPLICATION_USER if enrolment.user is not None else CapfUserKind.END_USER
        user, instance = enrolment.user or enrolment.end_user or "", enrolment.instance or ""
        place = Place(self._cluster, self._settings.axl.host, "AXL")
        wish = ProfileWish(operation=CertificateOperation.INSTALL, mode=AuthenticationMode.LSC)
        with self._opener.writer() as axl:
            try:
                ProfileActions(axl, self._journal, place).update(kind, user, instance, wish)
            except ProfileRefusedError as error:
                if error.fault is not ConnectorFault.REFUSED:
                    raise

    def _journal(self, event: str, detail: Mapping[str, Json]) -> None:
        self._store.audit(int(self._now()), _WHO, event, self._cluster, detail)
