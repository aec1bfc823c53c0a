"""What `ctlctl capf enroll` does."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from json import dumps
from pathlib import Path
from typing import Final

from ctlctl.connectors.capf import fingerprint
from ctlctl.connectors.ports import join_endpoint, printable
from ctlctl.enroll.credential import StoredCredential, password_of, read_password, read_stored
from ctlctl.enroll.due import RenewalRule, decide_renewal
from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.enroll.folder import CredentialFolder
from ctlctl.enroll.identity import Identity
from ctlctl.enroll.keys import KeyPolicy, parse_key
from ctlctl.enroll.resolve import Asked, Resolver, identity_of, proof_of
from ctlctl.enroll.session import Proof, Session, Wish
from ctlctl.enroll.text import Report, report_json, report_text
from ctlctl.terminal import say
from ctlctl_capf.renewal import Decision, Verdict
from ctlctl_trust.certificate import Certificate

_NOT_VALID: Final = 1
_USAGE: Final = 2
_UNDECIDED: Final = 3
_REFUSED: Final = 4
_CODES: Final = {
    EnrollFault.USAGE: _USAGE,
    EnrollFault.BAD_CERTIFICATE: _NOT_VALID,
    EnrollFault.EXPIRED: _NOT_VALID,
    EnrollFault.NO_ANCHOR: _REFUSED,
    EnrollFault.STRANGER: _REFUSED,
    EnrollFault.UNKNOWN_NAME: _REFUSED,
    EnrollFault.REFUSED: _REFUSED,
    EnrollFault.NOTHING_ORDERED: _REFUSED,
    EnrollFault.OTHER_ORDER: _REFUSED,
    EnrollFault.KEY_REFUSED: _REFUSED,
    EnrollFault.OTHER_NAME: _REFUSED,
    EnrollFault.CAPF_ENDS: _REFUSED,
}


def run_enroll(settings: Callable[[], Path], asked: Asked, output: str) -> int:
    """Enrol, renew or delete; return 0, or the exit code of the error.

    Args:
        settings: gives the settings file, where one is needed.
        asked: what the operator gave.
        output: "text" or "json".

    Raises:
        UsageError: what was given makes no sense.
    """
    try:
        report = _Enrolment(settings, asked).run()
    except EnrollError as error:
        # A program that reads JSON logs one line; a person finds at once what to do next.
        for line in (str(error),) if output == "json" else error.lines:
            say(line)
        return _CODES.get(error.fault, _UNDECIDED)
    if output == "json":
        print(dumps(report_json(report), indent=1, ensure_ascii=False))
    else:
        for line in report_text(report):
            print(line)
    return 0


class _Enrolment:
    def __init__(self, settings: Callable[[], Path], asked: Asked) -> None:
        self._asked = asked
        self._now = datetime.now(UTC)
        self._folder = CredentialFolder(asked.out.absolute())
        self._resolver = Resolver(asked, self._folder, settings, self._now)

    def run(self) -> Report:
        asked = self._asked
        if (asked.renew or asked.delete) and self._folder.current() is None:
            detail = f"{asked.out}: there is no credential in it"
            raise EnrollError(EnrollFault.NO_CREDENTIAL, detail, "Name the directory of the one that is meant")
        with ExitStack() as stack:
            stack.enter_context(self._folder.locked())
            stored = read_stored(self._folder)
            identity = identity_of(asked, stored)
            if asked.delete:
                return self._delete(identity, stored)
            return self._install(identity, stored)

    def _install(self, identity: Identity, stored: StoredCredential | None) -> Report:
        asked = self._asked
        wish = self._wish(identity, stored)
        if stored is not None and asked.renew and not asked.force:
            decision = self._decide(stored, wish)
            if decision.verdict is Verdict.NOT_DUE:
                return Report(
                    "not-due",
                    identity,
                    wish.server,
                    self._folder.path,
                    stored.certificate,
                    decision,
                    own_password=stored.about.password_file is not None,
                )
            if decision.verdict is Verdict.REFUSED:
                advice = "Renew CAPF's certificate first, or give --force"
                raise EnrollError(EnrollFault.CAPF_ENDS, decision.words, advice)
        proof = proof_of(asked, stored, self._now)
        if stored is None and identity.note is not None:
            say(identity.note)
        done = Session(self._folder, wish, _now, self._first_seen).install(proof)
        new = read_stored(self._folder)
        return Report(
            "renewed" if asked.renew else "enrolled",
            identity,
            wish.server,
            self._folder.path,
            done.certificate,
            None if new is None else self._decide(new, wish, done.presented),
            _believed(wish),
            done.presented,
            wish.password_file is not None,
            done.caution,
        )

    def _delete(self, identity: Identity, stored: StoredCredential | None) -> Report:
        wish = self._wish(identity, stored)
        proof: Proof = proof_of(self._asked, stored, self._now)
        done = Session(self._folder, wish, _now, self._first_seen).delete(proof)
        return Report(
            "deleted",
            identity,
            wish.server,
            self._folder.path,
            None,
            None,
            _believed(wish),
            done.presented,
            caution=done.caution,
        )

    def _decide(self, stored: StoredCredential, wish: Wish, presented: Certificate | None = None) -> Decision:
        asked = self._asked
        rule = RenewalRule(timedelta(days=asked.renew_before_days), timedelta(days=asked.capf_rest_days))
        known = () if wish.anchors is None else wish.anchors.certificates
        return decide_renewal(stored, known if presented is None else (presented,), self._now, rule)

    def _wish(self, identity: Identity, stored: StoredCredential | None) -> Wish:
        asked = self._asked
        server = self._resolver.server(stored)
        about = None if stored is None else stored.about
        password_file = None if about is None else about.password_file
        password = None if stored is None else password_of(stored.about) or stored.made_password
        if asked.p12_password_file is not None:
            password_file = asked.p12_password_file.absolute()
            password = read_password(password_file)
        return Wish(
            identity=identity,
            server=server,
            anchors=self._resolver.anchors(server, stored),
            policy=KeyPolicy(None if asked.require_key is None else parse_key(asked.require_key)),
            subject=asked.subject or ("" if about is None else about.subject),
            password=password,
            password_file=password_file,
            allow_lab=self._resolver.allow_lab(),
            deadline_seconds=asked.timeout_seconds,
        )

    def _first_seen(self, certificate: Certificate) -> None:
        asked = self._resolver.server(None) if self._asked.server or self._asked.cluster else None
        where = "CAPF" if asked is None else join_endpoint(asked.host, asked.port)
        say(
            f"{where} presents {printable(certificate.common_name)}, SHA-256 {fingerprint(certificate.der)}. It is "
            "believed because it is the first to answer, and from now on no other is: compare the fingerprint"
        )


def _believed(wish: Wish) -> str:
    return "the first to answer, from now on the only one" if wish.anchors is None else wish.anchors.words


def _now() -> datetime:
    return datetime.now(UTC)
