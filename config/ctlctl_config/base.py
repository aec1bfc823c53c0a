"""What tables of the settings file are made of: kinds of value, and the rules that hold for every table."""

import re
from base64 import b64decode
from pathlib import Path
from typing import Annotated, ClassVar, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

#: Bytes of a SHA-256 fingerprint.
_SHA256_BYTES: Final = 32
#: Characters of a host name (RFC 1035 section 2.3.4).
_MAX_HOST_CHARACTERS: Final = 253
_HOST: Final = re.compile(
    r"[0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[0-9A-Za-z._-]+)?"
)
#: Characters of a user's or node's name: the longest that CUCM takes.
_MAX_WORD_CHARACTERS: Final = 128
_CREDENTIAL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def resolved(value: object, info: ValidationInfo) -> object:
    """Make a path of a text; a relative one counts from the settings file, which stands in the context."""
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise ValueError("this is no path")
    folder = (info.context or {}).get("folder")
    return Path(folder, value) if folder is not None else Path(value)


def check_host(text: str) -> str:
    """Refuse what is no host name or address."""
    # Nothing else may reach a resolver or an HTTP header.
    if len(text) > _MAX_HOST_CHARACTERS or not _HOST.fullmatch(text):
        raise ValueError("this is no host name or address")
    return text


def check_word(text: str) -> str:
    """Refuse what cannot be a user's or node's name."""
    # HTTP Basic ends a user name at its colon; a blank in a name is always a slip.
    if not text.isprintable() or not 1 <= len(text) <= _MAX_WORD_CHARACTERS or set(text) & {" ", ":"}:
        raise ValueError(
            f"this has a blank, a colon or a control character, or not 1 to {_MAX_WORD_CHARACTERS} of them"
        )
    return text


def check_credential_name(text: str) -> str:
    """Refuse what cannot be a credential's name."""
    if not _CREDENTIAL.fullmatch(text):
        raise ValueError("this is no name of a credential: letters, digits, _, - and dots, no path")
    return text


def check_pin(text: str) -> str:
    """Return a fingerprint in its usual spelling."""
    digits = text.replace(":", "").replace(" ", "")
    try:
        pin = bytes.fromhex(digits)
    except ValueError:
        raise ValueError("this is no fingerprint in hexadecimal") from None
    if len(pin) != _SHA256_BYTES:
        raise ValueError(f"a SHA-256 fingerprint has {_SHA256_BYTES} bytes, this has {len(pin)}")
    return pin.hex(":").upper()


def check_host_key(text: str) -> str:
    """Refuse what is no fingerprint of an SSH host key as OpenSSH prints it (SHA256: and base64 without padding)."""
    kind, _, digest = text.partition(":")
    try:
        size = len(b64decode(digest + "=" * (-len(digest) % 4), validate=True))
    except ValueError:
        size = 0
    if kind != "SHA256" or size != _SHA256_BYTES:
        raise ValueError("this is no fingerprint such as ssh-keygen -l prints: SHA256: and 43 characters")
    return f"SHA256:{digest.rstrip('=')}"


def check_timezone(text: str) -> str:
    """Refuse a time zone that this machine does not know."""
    # UTC is known without the system's data; ZoneInfo itself refuses what would lead out of its directory.
    if text != "UTC":
        try:
            ZoneInfo(text)
        except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            raise ValueError("this machine knows no such time zone") from None
    return text


FilePath = Annotated[Path, BeforeValidator(resolved)]
Host = Annotated[str, AfterValidator(check_host)]
Pin = Annotated[str, AfterValidator(check_pin)]
HostKey = Annotated[str, AfterValidator(check_host_key)]
Port = Annotated[int, Field(ge=1, le=65535)]
#: A port of a node; 0 says that the node has no such service and is not asked for it.
NodePort = Annotated[int, Field(ge=0, le=65535)]
Word = Annotated[str, AfterValidator(check_word)]
CredentialName = Annotated[str, AfterValidator(check_credential_name)]


class Table(BaseModel):
    """A table of the file: nothing unknown in it, nothing converted, nothing changed afterwards.

    Attributes:
        wanted: what to write where a rule about the whole table is broken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
    wanted: ClassVar[str] = ""


class TlsTable(Table):
    """How a server proves itself: by its own certificate's fingerprint, or by a certificate that vouches for it."""

    tls_pin: Pin | None = Field(
        default=None,
        description="SHA-256 fingerprint of the tomcat certificate",
        examples=["4F:0A:…:A1"],
    )
    tls_ca: FilePath | None = Field(
        default=None,
        description="file with the certificate (PEM) that the server must prove itself by",
        examples=["tomcat-ca.pem"],
    )

    @property
    def pin(self) -> bytes | None:
        """The fingerprint's bytes."""
        return None if self.tls_pin is None else bytes.fromhex(self.tls_pin.replace(":", ""))
