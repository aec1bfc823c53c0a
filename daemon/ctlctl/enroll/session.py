"""One operation with CAPF: get, renew or delete a credential. What goes wrong leaves the old one as it was."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from ctlctl.cluster.labcheck import ADVICE, REFUSAL, is_lab
from ctlctl.connectors.capf import CapfConnector, fingerprint
from ctlctl.connectors.capf_ports import DEFAULT_DEADLINE_SECONDS, CapfError, CapfHolder, CapfSettings, CapfTalk
from ctlctl.connectors.ports import join_endpoint, printable
from ctlctl.connectors.secret import Secret
from ctlctl.enroll.anchors import HOW_TO_ANCHOR, Anchors
from ctlctl.enroll.credential import About, NewCredential, Server
from ctlctl.enroll.errors import EnrollError, EnrollFault, of_outcome, of_session
from ctlctl.enroll.folder import CredentialFolder, StagedSet, no_room
from ctlctl.enroll.identity import Identity
from ctlctl.enroll.keys import KeyPolicy, certificates_pem, public_bytes
from ctlctl_capf.authentication import Credential, PrivateKey, signer
from ctlctl_capf.client import CapfClient
from ctlctl_capf.dialect import KIND_DIALECT
from ctlctl_capf.elements import KeyOrder
from ctlctl_capf.outcome import Operation
from ctlctl_capf.rules import ClientRules, names_device
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate
from ctlctl_trust.issuing import issued_by

_ANY_KEY: Final = KeyPolicy()


@dataclass(frozen=True, slots=True)
class Proof:
    """How CAPF is shown who asks: by a string that is good for one use, or by a certificate that is held.

    Attributes:
        string: the authentication string.
        existing: certificate and signature.
    """

    string: Secret | None = None
    existing: Credential | None = None


def by_certificate(certificate: Certificate, key: PrivateKey, now: datetime) -> Proof:
    """Return the proof by a certificate.

    Raises:
        EnrollError: it is not valid now, so that CAPF would refuse it.
    """
    if not certificate.not_before <= now < certificate.not_after:
        span = f"{certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        detail = f"the certificate of {printable(certificate.common_name)} is valid {span}, not now"
        advice = (
            "Nobody can authenticate by it any more: have a new authentication string made (ctlctl capf profile update "
            "CLUSTER, with --mode string), and enrol with --auth-string-file"
        )
        raise EnrollError(EnrollFault.EXPIRED, detail, advice)
    return Proof(existing=Credential(certificate.der, signer(key)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted.

    Attributes:
        identity: who asks.
        server: where.
        anchors: whom to believe; None believes whoever answers this time, and pins them.
        policy: which keys are made.
        subject: CN that the certificate must have; empty for the name or the user.
        password: of the PKCS#12 file; None to make one.
        password_file: file of the operator's that holds it, which later renewals read again.
        allow_lab: whether a simulated CAPF may answer.
        deadline_seconds: for the whole session.
    """

    identity: Identity
    server: Server
    anchors: Anchors | None
    policy: KeyPolicy = _ANY_KEY
    subject: str = ""
    password: Secret | None = None
    password_file: Path | None = None
    allow_lab: bool = True
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS


@dataclass(frozen=True, slots=True)
class Done:
    """What was done.

    Attributes:
        certificate: the new certificate; None where it was deleted.
        chain: the certificates above it.
        presented: the certificate that CAPF proved itself by.
        caution: what is not as it should be, although it was done; None for nothing.
    """

    certificate: Certificate | None
    chain: tuple[Certificate, ...]
    presented: Certificate | None
    caution: str | None = None


class Session:
    """One operation, on one directory."""

    def __init__(
        self,
        folder: CredentialFolder,
        wish: Wish,
        now: Callable[[], datetime],
        first_seen: Callable[[Certificate], None],
    ) -> None:
        """Do nothing yet.

        Args:
            folder: where the credential is; it must be locked.
            wish: what is wanted.
            now: the clock; aware.
            first_seen: hears of the certificate of a CAPF that is believed because it is the first to answer, before
                anything is sent.
        """
        self._folder = folder
        self._wish = wish
        self._now = now
        self._first_seen = first_seen
        self._presented: Certificate | None = None
        server = wish.server
        self._where = join_endpoint(server.host, server.port)
        try:
            self._connector = connector_to(server, wish.anchors, wish.deadline_seconds)
        except CapfError as error:
            raise of_session(error) from None

    def install(self, proof: Proof) -> Done:
        """Have a key and certificate made, check it, and put it in the place of the old.

        Raises:
            EnrollError: there is no new credential, and the old one is as it was.
        """
        with self._folder.staged() as staged:
            holder = _Installing(self._wish, staged, self._now, self._issuers)
            trouble = self._talk(holder, proof, Operation.INSTALL)
            if holder.stored is None:
                raise holder.error or trouble or AssertionError("what is not stored has a reason")
            caution = None if trouble is None else f"stored, but CAPF did not confirm it: {trouble.detail}"
            return Done(holder.stored.certificate, holder.stored.chain, self._presented, caution)

    def delete(self, proof: Proof) -> Done:
        """Delete the credential, as CAPF orders.

        Raises:
            EnrollError: it is still there.
        """
        holder = _Deleting(self._folder)
        trouble = self._talk(holder, proof, Operation.DELETE)
        if not holder.deleted:
            raise holder.error or trouble or AssertionError("what is not deleted has a reason")
        caution = None if trouble is None else f"deleted, but CAPF did not confirm it: {trouble.detail}"
        return Done(None, (), self._presented, caution)

    def _talk(self, holder: CapfHolder, proof: Proof, operation: Operation) -> EnrollError | None:
        """Hold the session; return what was wrong with its end."""
        try:
            talk: CapfTalk = self._connector.run(lambda shown: self._begin(shown, proof, operation), holder)
        except CapfError as error:
            return of_session(error)
        if talk.outcome.good and talk.outcome.operation is operation:
            return None
        return of_outcome(talk.outcome, self._where, by_string=proof.string is not None)

    def _begin(self, shown: bytes, proof: Proof, operation: Operation) -> CapfClient:
        wish = self._wish
        try:
            presented = read_certificate(shown)
        except CertificateError as error:
            detail = f"{self._where}: what the server presents is no certificate ({error})"
            raise EnrollError(EnrollFault.STRANGER, detail, "Check that this is CAPF") from None
        if not wish.allow_lab and is_lab(presented):
            raise EnrollError(EnrollFault.STRANGER, f"{self._where}: {REFUSAL}", ADVICE)
        if wish.anchors is None:
            self._first_seen(presented)
        # Pinned before anything is said: a session that fails must not be believed anew the next time.
        pem = certificates_pem((shown,))
        if self._folder.pin() != pem:
            self._folder.keep_pin(pem)
        self._presented = presented
        return CapfClient(
            wish.identity.name,
            self._now(),
            password="" if proof.string is None else proof.string.reveal(),
            existing=proof.existing,
            issuers=self._issuers(),
            # What a user's certificate is called is CAPF's choice, and not public: `_Installing` checks the name.
            rules=ClientRules(operations=frozenset({operation}), check_device=False),
            dialect=KIND_DIALECT,
        )

    def _issuers(self) -> tuple[Certificate, ...]:
        """Certificates that may have signed the new one: who has proved to be CAPF, and whom the operator names."""
        more = () if self._wish.anchors is None else self._wish.anchors.issuers
        return more if self._presented is None else (self._presented, *more)


class _Installing:
    """Makes the key and stores what is issued for it."""

    def __init__(
        self,
        wish: Wish,
        staged: StagedSet,
        now: Callable[[], datetime],
        issuers: Callable[[], tuple[Certificate, ...]],
    ) -> None:
        self._wish = wish
        self._staged = staged
        self._now = now
        self._issuers = issuers
        self._key: PrivateKey | None = None
        self.stored: NewCredential | None = None
        self.error: EnrollError | None = None

    def make_key(self, order: KeyOrder) -> bytes | None:
        """Make a key as ordered, if the policy has it so."""
        try:
            self._key = self._wish.policy.make(order)
        except EnrollError as error:
            self.error = error
            return None
        return public_bytes(self._key)

    def store(self, certificate: Certificate) -> bool:
        """Check the name and exchange the sets; key, dates and issuer the session has checked."""
        try:
            credential = self._credential(certificate)
            self._staged.put_in_use(credential.files())
        except EnrollError as error:
            self.error = error
            return False
        except ValueError as error:
            detail = f"what CAPF issued cannot be written as PKCS#12 ({error})"
            self.error = EnrollError(EnrollFault.BAD_CERTIFICATE, detail, "Look at CAPF's certificate and log")
            return False
        except OSError as error:
            self.error = no_room(self._staged.path, error)
            return False
        self.stored = credential
        return True

    def hand_over(self) -> bytes | None:
        """Hand nothing over: it is not what was asked for."""
        return None

    def delete(self) -> bool:
        """Delete nothing, likewise."""
        return False

    def _credential(self, certificate: Certificate) -> NewCredential:
        wish, issuers = self._wish, self._issuers()
        expected = (wish.subject,) if wish.subject else wish.identity.expected_names
        if not any(_is_of(certificate, name) for name in expected):
            shown = printable(certificate.common_name)
            wanted = " or ".join(repr(printable(each)) for each in dict.fromkeys(expected))
            detail = f"CAPF issued a certificate for {shown!r}, not for {wanted}; it was not stored"
            advice = f"If that is how this CAPF names the user, enrol with --subject '{shown}' and a new string"
            raise EnrollError(EnrollFault.BAD_CERTIFICATE, detail, advice)
        if self._key is None:
            raise AssertionError("a certificate comes after its key")
        signers = [one for one in issuers if issued_by(certificate, one)]
        chain = (*signers[:1], *(one for one in issuers[1:] if one not in signers[:1]))
        about = About(
            wish.identity,
            wish.server,
            self._now(),
            wish.subject,
            wish.password_file,
            outside_issuer=signers[:1] != list(issuers[:1]),
        )
        return NewCredential(self._key, certificate, chain, about, wish.password)


@dataclass(slots=True)
class _Deleting:
    """Deletes the credential."""

    _folder: CredentialFolder
    deleted: bool = False
    error: EnrollError | None = field(default=None)

    def make_key(self, order: KeyOrder) -> bytes | None:
        """Make none: it is not what was asked for."""
        del order
        return None

    def store(self, certificate: Certificate) -> bool:
        """Store nothing, likewise."""
        del certificate
        return False

    def hand_over(self) -> bytes | None:
        """Hand nothing over, likewise."""
        return None

    def delete(self) -> bool:
        """Remove the files."""
        try:
            self.deleted = self._folder.remove()
        except OSError as error:
            self.error = no_room(self._folder.path, error)
            return False
        if not self.deleted:
            detail = f"{self._folder.path}: there is no credential to delete"
            self.error = EnrollError(EnrollFault.NO_CREDENTIAL, detail, "Name the directory that has it")
        return self.deleted


def _is_of(certificate: Certificate, name: str) -> bool:
    """Tell whether a certificate is of a name; users' names have no case in CUCM, which may issue its own spelling."""
    return names_device(certificate, name) or (
        certificate.common_name.casefold() == name.casefold()
        and sum(kind == "CN" for kind, _ in certificate.subject) == 1
    )


def connector_to(server: Server, anchors: Anchors | None, deadline_seconds: float) -> CapfConnector:
    """Return what speaks to a CAPF.

    Raises:
        CapfError: its host or port cannot be.
    """
    settings = CapfSettings(
        cluster=server.cluster,
        host=server.host,
        port=server.port,
        certificates=None if anchors is None else anchors.ders,
        deadline_seconds=deadline_seconds,
        legacy_tls=server.legacy_tls,
    )
    return CapfConnector(settings)


def without_anchor(server: Server, deadline_seconds: float) -> EnrollError:
    """Look at who answers, and return the refusal to believe them."""
    where = join_endpoint(server.host, server.port)
    try:
        shown = connector_to(server, None, deadline_seconds).presented()
    except CapfError as error:
        return of_session(error)
    try:
        name = f"{printable(read_certificate(shown).common_name)}, "
    except CertificateError:
        name = ""
    detail = (
        f"{where}: nothing says whom to believe; who answers there presents {name}SHA-256 {fingerprint(shown)}. "
        "Nothing was sent"
    )
    return EnrollError(EnrollFault.NO_ANCHOR, detail, HOW_TO_ANCHOR)
