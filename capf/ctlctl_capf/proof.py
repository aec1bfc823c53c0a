"""Whether a client has proved who it is, the way its order wants it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ctlctl_capf.authentication import signed_by_device, signed_in_session, verifies
from ctlctl_capf.dialect import Dialect
from ctlctl_capf.elements import DigestCode, SudiData
from ctlctl_capf.messages import AuthResponse
from ctlctl_capf.outcome import Result, printable
from ctlctl_capf.rules import (
    AuthMode,
    Order,
    ServerRules,
    is_issued,
    may_sign,
    names_device,
    same_string,
    wrong_dates,
)
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate

#: Why not, and the same in words.
Refusal: TypeAlias = tuple[Result, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof is held against.

    Attributes:
        session: number of the session.
        now: this instant.
        issuers: who may have signed an existing certificate.
        rules: what to check.
        dialect: of the session.
    """

    session: int
    now: datetime
    issuers: tuple[Certificate, ...]
    rules: ServerRules
    dialect: Dialect

    def refusal(self, who: AuthResponse, order: Order) -> Refusal | None:
        """Return why a client is refused, or None.

        Args:
            who: what it says of itself.
            order: how it must prove that.
        """
        match order.mode:
            case AuthMode.NONE:
                return None
            case AuthMode.NULL_STRING:
                if self.rules.check_null_string and who.password:
                    return Result.WRONG_STRING, "a string came where none is wanted"
                return None
            case AuthMode.STRING:
                if same_string(who.password or "", order.string):
                    return None
                return Result.WRONG_STRING, "the authentication string is wrong"
            case AuthMode.LSC | AuthMode.MIC:
                return self._existing(who)

    def _existing(self, who: AuthResponse) -> Refusal | None:
        if who.certificate is None:
            return Result.MISSING_CERTIFICATE, "the device shows no certificate"
        certificate = _read(who.certificate.der)
        if certificate is None:
            return Result.CERTIFICATE_UNREADABLE, "the existing certificate cannot be read"
        return self._certificate(certificate, who) or self._signatures(certificate, who) or self._session(who)

    def _certificate(self, certificate: Certificate, who: AuthResponse) -> Refusal | None:
        rules = self.rules
        if rules.check_dates and (wrong := wrong_dates(certificate, self.now, rules.tolerance)) is not None:
            return (
                wrong,
                f"its certificate is valid {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}",
            )
        if rules.check_device and not names_device(certificate, who.device):
            return Result.CERTIFICATE_DEVICE, f"its certificate is of {printable(certificate.common_name)}"
        if rules.check_issuer and not is_issued(certificate, self.issuers):
            return Result.CERTIFICATE_ISSUER, "nobody known signed its certificate"
        if rules.check_usage and not may_sign(certificate):
            return Result.CERTIFICATE_USAGE, "its certificate is not for signatures"
        return None

    def _signatures(self, certificate: Certificate, who: AuthResponse) -> Refusal | None:
        """Check whatever is signed; a good signature does not make up for a bad one."""
        signed, sha2 = who.signed, who.signed_sha2
        if sha2 is None and (signed is None or self.rules.require_sha2):
            return Result.MISSING_SIGNATURE, "the device signs nothing, or with SHA-1 only"
        data = signed_by_device(who.device, certificate.der)
        if sha2 is not None and (
            sha2.digest == DigestCode.SHA1 or not verifies(certificate.key, sha2.signature, data, sha2.digest)
        ):
            return Result.BAD_SIGNATURE, "SHA2_SIGNED_DATA does not verify"
        if signed is not None and not verifies(certificate.key, signed, data, DigestCode.SHA1):
            return Result.BAD_SIGNATURE, "SIGNED_DATA does not verify"
        return None

    def _session(self, who: AuthResponse) -> Refusal | None:
        sudi = who.sudi
        certificate = None if sudi is None else _read(sudi.certificate)
        # What another kind of key signs is not known; capfd does not look at it.
        if sudi is None or certificate is None or not isinstance(certificate.key, RSAPublicKey):
            missing = Result.MISSING_SIGNATURE, "the session is not signed with an RSA factory certificate"
            return missing if self.rules.require_sudi else None
        return self._certificate(certificate, who) or self._sudi(certificate, sudi)

    def _sudi(self, certificate: Certificate, sudi: SudiData) -> Refusal | None:
        data = signed_in_session(self.session, certificate.der, self.dialect)
        if all(verifies(certificate.key, signature, data, digest) for digest, signature in sudi.signatures):
            return None
        return Result.BAD_SIGNATURE, "SUDI_DATA does not verify in this session"


def _read(der: bytes) -> Certificate | None:
    try:
        return read_certificate(der)
    except CertificateError:
        return None
