"""Can a phone's factory certificate (MIC) stand in for an LSC? Only where it was seen, and its CA is still trusted.

Which CA issued a MIC is not concluded from the model: hardware of one model has had several, and other firmware renews
it. A model can only prove that there is none.
"""

from enum import Enum
from typing import Final

from ctlctl.plan.facts import ClusterFacts, PhoneFacts, is_manufacturer
from ctlctl.plan.models import lacks_mic

_SHOWS_MIC: Final = "mic"


class Standing(Enum):
    """Whether a MIC can be relied on."""

    GOOD = "good"
    NO_MIC = "its model has no MIC"
    NO_CA = "no manufacturing CA is trusted any more"
    CA_REMOVED = "the CA of its MIC was removed"
    CA_EXPIRED = "the CA of its MIC ends too soon"
    EXPIRED = "its MIC ends too soon"
    UNKNOWN = "its MIC was never seen"
    STORE_UNKNOWN = "what is trusted is not known"

    @property
    def unknown(self) -> bool:
        """Whether nobody can tell."""
        return self in {Standing.UNKNOWN, Standing.STORE_UNKNOWN}


class MicRules:
    """Judges the MICs of one cluster's phones against one of its trust stores."""

    def __init__(self, cluster: ClusterFacts, store: str, until: int) -> None:
        """Take what is known.

        Args:
            cluster: the cluster.
            store: "CallManager-trust" for registering, "CAPF-trust" for proving oneself to CAPF.
            until: instant up to which a MIC has to hold.
        """
        self._lab = cluster.lab
        self._stores = cluster.stores(store)
        self._until = until

    def judge(self, phone: PhoneFacts) -> Standing:
        """Return how it stands with a phone's MIC."""
        if lacks_mic(phone.model):
            return Standing.NO_MIC
        if not self._stores:
            return Standing.STORE_UNKNOWN
        if not any(is_manufacturer(one.common_name, lab=self._lab) for held in self._stores.values() for one in held):
            return Standing.NO_CA
        issuer = phone.credential_issuer
        if phone.credential != _SHOWS_MIC or issuer is None or phone.mic_ends is None:
            ended = phone.mic_ends is not None and phone.mic_ends <= self._until
            return Standing.EXPIRED if ended else Standing.UNKNOWN
        if phone.mic_ends <= self._until:
            return Standing.EXPIRED
        # A node that lacks the CA refuses the phone when it has to turn to that node.
        ends = [
            max((one.ends for one in held if one.common_name == issuer), default=None) for held in self._stores.values()
        ]
        if any(end is None for end in ends):
            return Standing.CA_REMOVED
        return Standing.GOOD if all(end is not None and end > self._until for end in ends) else Standing.CA_EXPIRED
