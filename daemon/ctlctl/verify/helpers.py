"""What an operator gives beside the targets: anchors, previous list, lists to ask, the phone's key."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from ctlctl_trust.anchors import TrustAnchors
    from ctlctl_trust.verify import ListReport


class HelperError(Exception):
    """A helper file cannot be used; the message names the option, the file and what to do."""


class HelperPaths(NamedTuple):
    """Where the helper files are, as the operator gave them.

    Attributes:
        trust_anchors: PEM or DER certificates, or trust lists whose SAST keys anchor.
        previous: the list phones hold.
        ctl: the CTL that an ITL must agree with.
        trust_lists: who may sign a signed file.
        decrypt_key: the phone's private key, PEM.
    """

    trust_anchors: tuple[str, ...] = ()
    previous: str | None = None
    ctl: str | None = None
    trust_lists: tuple[str, ...] = ()
    decrypt_key: str | None = None

    def all(self) -> tuple[str, ...]:
        """Return every path that was given."""
        single = (path for path in (self.previous, self.ctl, self.decrypt_key) if path is not None)
        return (*self.trust_anchors, *self.trust_lists, *single)


class HelperFiles(NamedTuple):
    """The helper files' bytes, each with the path it came from; can be sent to a worker process."""

    trust_anchors: tuple[tuple[str, bytes], ...] = ()
    previous: tuple[str, bytes] | None = None
    ctl: tuple[str, bytes] | None = None
    trust_lists: tuple[tuple[str, bytes], ...] = ()
    decrypt_key: tuple[str, bytes] | None = None

    def __repr__(self) -> str:
        """Show nothing of what may be a private key."""
        return "HelperFiles(...)"


class Helpers(NamedTuple):
    """The helper files, read and verified.

    Attributes:
        anchors: whom the operator trusts, or None.
        previous: report on the list phones hold, or None; `first` when that list is empty.
        ctl: report on the CTL, or None.
        trust_lists: reports on the lists that may be asked.
        decrypt_key: the phone's key, or None.
        asked_continuity: whether a previous list was given, an empty one included.
    """

    anchors: "TrustAnchors | None" = None
    previous: "ListReport | None" = None
    ctl: "ListReport | None" = None
    trust_lists: "tuple[ListReport, ...]" = ()
    decrypt_key: "RSAPrivateKey | None" = None
    asked_continuity: bool = False

    def __repr__(self) -> str:
        """Show nothing of the private key."""
        return "Helpers(...)"
