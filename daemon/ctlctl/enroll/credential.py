"""A credential as it is kept: key, certificate, chain, and what there is to know to renew it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ctlctl.connectors.secret import Secret
from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.enroll.folder import ABOUT, CERTIFICATE, CHAIN, KEY, KEYSTORE, KEYSTORE_PASSWORD, CredentialFolder
from ctlctl.enroll.identity import Identity
from ctlctl.enroll.keys import belongs, certificates_pem, key_pem, keystore, new_password, read_key
from ctlctl.verify.loading import read_certificates
from ctlctl_capf.authentication import Credential, PrivateKey, signer
from ctlctl_config.secretfiles import SecretError, read_secret_file
from ctlctl_trust.certificate import Certificate, CertificateError

_SCHEMA: Final = "ctlctl.enrolment/1"
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Server:
    """Where a CAPF is.

    Attributes:
        host: its name or address.
        port: its port.
        cluster: name of the cluster in the settings; empty where it was named by its host.
        legacy_tls: whether it is of before 11.5.
    """

    host: str
    port: int
    cluster: str = ""
    legacy_tls: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What is written beside a credential, to renew it.

    Attributes:
        identity: whose it is.
        server: where it was issued.
        enrolled_at: when, UTC.
        subject: CN that is wanted of its certificates, where that is not the name; empty for none.
        password_file: file with the password of the PKCS#12 file; None where it was made here.
        outside_issuer: whether another CA signed the certificate for CAPF (Online CA mode).
    """

    identity: Identity
    server: Server
    enrolled_at: datetime
    subject: str = ""
    password_file: Path | None = None
    outside_issuer: bool = False

    def encode(self) -> bytes:
        """Return it as it is written."""
        who, server = self.identity, self.server
        document = {
            "schema": _SCHEMA,
            "name": who.name,
            "user": who.user,
            "instance_id": who.instance,
            "kind": who.kind,
            "name_format": who.name_format,
            "subject": self.subject,
            "host": server.host,
            "port": server.port,
            "cluster": server.cluster,
            "legacy_tls": server.legacy_tls,
            "enrolled_at": f"{self.enrolled_at:%Y-%m-%dT%H:%M:%SZ}",
            "outside_issuer": self.outside_issuer,
            "p12_password_file": None if self.password_file is None else str(self.password_file),
        }
        return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A credential that was read.

    Attributes:
        key: the private key.
        certificate: its certificate.
        chain: the certificates above it, the issuer first.
        about: what is written beside it.
        made_password: password of the PKCS#12 file where it was made here, else None.
    """

    key: PrivateKey = field(repr=False)
    certificate: Certificate
    chain: tuple[Certificate, ...]
    about: About
    made_password: Secret | None = None

    def proof(self) -> Credential:
        """Return what CAPF is shown to authenticate by it."""
        return Credential(self.certificate.der, signer(self.key))


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that is to be kept.

    Attributes:
        key: the private key.
        certificate: its certificate.
        chain: the certificates above it, the issuer first.
        about: what is written beside it.
        password: of the PKCS#12 file; None to make one, which is kept beside it.
    """

    key: PrivateKey = field(repr=False)
    certificate: Certificate
    chain: tuple[Certificate, ...]
    about: About
    password: Secret | None = None

    def files(self) -> dict[str, bytes]:
        """Return the files of its set.

        Raises:
            ValueError: a certificate cannot be written so that others read it.
        """
        chain = tuple(each.der for each in self.chain)
        own = self.about.password_file is None
        password = self.password or new_password()
        name = self.about.identity.name
        files = {
            KEY: key_pem(self.key),
            CERTIFICATE: certificates_pem((self.certificate.der,)),
            CHAIN: certificates_pem(chain),
            KEYSTORE: keystore(name, self.key, self.certificate.der, chain, password),
            ABOUT: self.about.encode(),
        }
        return files | {KEYSTORE_PASSWORD: password.reveal().encode() + b"\n"} if own else files


def read_stored(folder: CredentialFolder) -> StoredCredential | None:
    """Read the credential of a directory; None where there is none.

    Raises:
        EnrollError: there is one that cannot be used.
    """
    files = folder.current()
    if files is None:
        return None
    try:
        key = read_key(files[KEY])
        (certificate,) = read_certificates(files[CERTIFICATE])
        chain = read_certificates(files[CHAIN])
        about = _about(json.loads(files[ABOUT]))
        made = files.get(KEYSTORE_PASSWORD)
        password = None if made is None else Secret(made.decode().rstrip("\n"))
    except KeyError as error:
        raise _damaged(folder, f"{error.args[0]} is missing") from None
    except (ValueError, TypeError) as error:  # a CertificateError is a ValueError
        raise _damaged(folder, str(error)) from None
    if not belongs(key, certificate):
        raise _damaged(folder, "the key is not the certificate's")
    return StoredCredential(key, certificate, chain, about, password)


def read_given(certificate_path: Path, key_path: Path, pem: bytes, key: bytes) -> tuple[Certificate, PrivateKey]:
    """Read a certificate and key that an operator names.

    Args:
        certificate_path: where the certificate is.
        key_path: where the key is.
        pem: the certificate's file.
        key: the key's file.

    Raises:
        EnrollError: they cannot be used, or do not belong together.
    """
    try:
        certificate = read_certificates(pem)[0]
    except CertificateError as error:
        raise EnrollError(
            EnrollFault.NO_CREDENTIAL, f"{certificate_path}: {error}", "Name a certificate, PEM"
        ) from None
    try:
        private = read_key(key)
    except ValueError as error:
        raise EnrollError(EnrollFault.NO_CREDENTIAL, f"{key_path}: {error}", "Name a private key, PEM") from None
    if not belongs(private, certificate):
        detail = f"{key_path} is not the key of {certificate_path}"
        raise EnrollError(EnrollFault.NO_CREDENTIAL, detail, "Name the two that belong together")
    return certificate, private


def password_of(about: About) -> Secret | None:
    """Return the password of the PKCS#12 file where a file of the operator's holds it.

    Raises:
        EnrollError: it cannot be had.
    """
    if about.password_file is None:
        return None
    return read_password(about.password_file)


def read_password(path: Path) -> Secret:
    """Read a secret of a file that is for its owner alone.

    Raises:
        EnrollError: it cannot be had.
    """
    try:
        return Secret(read_secret_file(path).get_secret_value())
    except SecretError as error:
        detail, _, advice = str(error).partition("; ")
        raise EnrollError(EnrollFault.USAGE, detail, advice or "Put the secret into a file of mode 0600") from None


def _damaged(folder: CredentialFolder, why: str) -> EnrollError:
    advice = "Restore it, or enrol anew into another directory with a new authentication string"
    return EnrollError(EnrollFault.NO_CREDENTIAL, f"{folder.path}: the credential cannot be used ({why})", advice)


def _about(document: Mapping[str, Any]) -> About:
    if document["schema"] != _SCHEMA:
        raise ValueError(f"{ABOUT} is of another version")
    texts = {
        name: document[name] for name in ("name", "user", "instance_id", "name_format", "subject", "host", "cluster")
    }
    if not all(isinstance(each, str) for each in texts.values()):
        raise ValueError(f"{ABOUT} has other values than were written")
    port, kind, file = document["port"], document["kind"], document["p12_password_file"]
    if not isinstance(port, int) or not 1 <= port <= _MAX_PORT or kind not in {None, "application-user", "end-user"}:
        raise ValueError(f"{ABOUT} has other values than were written")
    at = datetime.strptime(document["enrolled_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    who = Identity(texts["name"], texts["user"], texts["instance_id"], kind, texts["name_format"])
    server = Server(texts["host"], port, texts["cluster"], bool(document["legacy_tls"]))
    where = None if file is None else Path(file)
    return About(who, server, at, texts["subject"], where, bool(document["outside_issuer"]))
