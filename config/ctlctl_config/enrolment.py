"""What stands in the settings about certificates of users: which are kept here, and when ctld renews them."""

import re
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ctlctl_config.base import FilePath, Host, Port, Table, Word

#: How user and instance are put into one name. Cisco publishes nothing about it: unproven.
DEFAULT_NAME_FORMAT: Final = "{user}"
#: Keys that may be asked for, and what CAPF calls them.
KeyWord = Literal["rsa:1024", "rsa:2048", "rsa:3072", "rsa:4096", "ec:256", "ec:384", "ec:521"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_MAX_TEXT: Final = 256


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("a name has 1 to 63 letters, digits, dots, - and _, and starts with a letter or digit")
    return text


def _text(text: str) -> str:
    if not text.isprintable() or not 1 <= len(text) <= _MAX_TEXT:
        raise ValueError(f"this is empty, has a control character, or more than {_MAX_TEXT} characters")
    return text


def _format(text: str) -> str:
    rest = text.replace("{user}", "").replace("{instance}", "")
    if rest == text or set(rest) & set("{}"):
        raise ValueError("a format has {user} or {instance} or both, and nothing else in braces")
    return _text(text)


Text = Annotated[str, AfterValidator(_text)]


class EnrolmentSettings(Table):
    """One credential of a user that ctld keeps fresh; it is got first by ``ctlctl capf enroll``.

    Attributes:
        name: what metrics, findings and logs call it.
        directory: where the credential is.
        user: application user.
        end_user: end user, instead.
        instance: instance ID of the CAPF profile.
        device_name: the exact name that CAPF is told, in place of user and instance.
        name_format: how the name is made of user and instance; unproven.
        subject: the CN of the certificates, where CAPF gives another than the name or the user.
        host: who answers, where that is not the publisher.
        port: its port of CAPF, where that is not the one of the node's table.
        trust_anchor: certificate of CAPF, PEM; otherwise what the cluster's trust lists say, or the directory's pin.
        issuer: certificate, PEM, of the CA that signs for CAPF (Online CA mode).
        key: the only key that is made; otherwise RSA from 2,048 bits on, and any curve.
        renew_before_days: renewed so long before its end, or in the last third of its life if that is later.
        capf_rest_days: not renewed where CAPF's own certificate ends sooner.
        order: whether ctld sets the profile to Install/Upgrade itself before it renews, by the account for changes.
        legacy_tls: whether CAPF is of before 11.5.
    """

    name: Annotated[str, AfterValidator(_name)] = Field(description="what it is called here", examples=["recorder"])
    directory: FilePath = Field(description="where the credential is", examples=["/var/lib/ctld/enrolments/recorder"])
    user: Word | None = Field(default=None, description="application user", examples=["recorder"])
    end_user: Word | None = Field(default=None, description="end user", examples=["anna"])
    instance: Word | None = Field(default=None, description="instance ID of the CAPF profile", examples=["jtapi-1"])
    device_name: Text | None = Field(default=None, description="exact name that CAPF is told", examples=["recorder"])
    name_format: Annotated[str, AfterValidator(_format)] = Field(
        default=DEFAULT_NAME_FORMAT, description="how the name is made; unproven", examples=[DEFAULT_NAME_FORMAT]
    )
    subject: Text | None = Field(default=None, description="CN of the certificates", examples=["recorder"])
    host: Host | None = Field(default=None, description="CAPF that is not the publisher's", examples=["10.1.1.10"])
    port: Port | None = Field(default=None, description="its port", examples=[3804])
    trust_anchor: FilePath | None = Field(default=None, description="CAPF certificate, PEM", examples=["capf.pem"])
    issuer: FilePath | None = Field(default=None, description="CA that signs for CAPF, PEM", examples=["ca.pem"])
    key: KeyWord | None = Field(default=None, description="the only key that is made", examples=["rsa:2048"])
    renew_before_days: int = Field(default=90, ge=1, le=1_825, description="renewed before its end", examples=[90])
    capf_rest_days: int = Field(default=365, ge=0, le=7_300, description="rest of CAPF's certificate", examples=[365])
    order: bool = Field(default=False, description="true: ctld orders the renewal itself", examples=[True])
    legacy_tls: bool = Field(default=False, description="true for CAPF before 11.5", examples=[False])

    wanted: ClassVar[str] = 'write user = "…" (or end_user) and instance = "…", or device_name = "…" alone'

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        users = [each for each in (self.user, self.end_user) if each is not None]
        by_user = len(users) == 1 and self.instance is not None and self.device_name is None
        by_name = not users and self.instance is None and self.device_name is not None
        if not (by_user or by_name):
            raise ValueError("exactly one of user, end_user (each with instance) and device_name is needed")
        if self.order and by_name:
            raise ValueError("order needs user and instance, which name the CAPF profile")
        return self


def _each_its_own(enrolments: tuple[EnrolmentSettings, ...]) -> tuple[EnrolmentSettings, ...]:
    """Refuse two that share a name or a directory."""
    for values in ([one.name for one in enrolments], [str(one.directory) for one in enrolments]):
        twice = sorted({each for each in values if values.count(each) > 1})
        if twice:
            raise ValueError(f"two enrolments have {twice[0]}: give each a name and a directory of its own")
    return enrolments


Enrolments = Annotated[tuple[EnrolmentSettings, ...], Field(strict=False), AfterValidator(_each_its_own)]
