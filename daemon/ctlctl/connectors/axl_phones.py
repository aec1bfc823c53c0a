"""Putting phones together from what AXL's operations, their security profiles and the database say."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from ctlctl.connectors.axl_enums import CertificateOperation, CertificateStatus, read_word
from ctlctl.connectors.axl_readers import flat, pkid_of, read_number
from ctlctl.connectors.axl_values import LscColumn, Phone, SecurityProfile

if TYPE_CHECKING:
    from lxml import etree

# What the database knows of one LSC: valid until, issuer, issuer valid until.
Lsc: TypeAlias = tuple[int | None, str | None, int | None]
NO_LSC: Final[Lsc] = (None, None, None)


def read_lsc(row: Mapping[str, str]) -> Lsc:
    """Read the columns; 0 and NULL both mean that the database does not know (11.5 has 0 for phones without one)."""
    until = read_number(row.get(LscColumn.VALID_UNTIL))
    issuer_until = read_number(row.get(LscColumn.ISSUER_VALID_UNTIL))
    return until or None, row.get(LscColumn.ISSUER_NAME) or None, issuer_until or None


class PhoneMaker:
    """Makes phones of a listing's elements. Words that many phones have are held once for all of them."""

    def __init__(self, profiles: Mapping[str, SecurityProfile], lscs: Mapping[str, Lsc]) -> None:
        """Take what is known besides the elements.

        Args:
            profiles: Phone security profiles by their name.
            lscs: What the database knows of LSCs, by the phone's key.
        """
        self._profiles = profiles
        self._lscs = lscs
        self._words: dict[str, str] = {}

    def _shared(self, word: str | None) -> str:
        return "" if not word else self._words.setdefault(word, word)

    def __call__(self, element: "etree._Element") -> Phone:
        """Make one phone of an LPhone or RPhone."""
        have = flat(element)
        pkid = pkid_of(element)
        name = self._shared(have.get("securityProfileName")) or None
        profile = None if name is None else self._profiles.get(name)
        until, issuer, issuer_until = self._lscs.get(pkid, NO_LSC)
        return Phone(
            pkid=pkid,
            name=have.get("name", ""),
            description=have.get("description", ""),
            model=self._shared(have.get("model")),
            product=self._shared(have.get("product")),
            protocol=self._shared(have.get("protocol")),
            device_pool=self._shared(have.get("devicePoolName")) or None,
            security_profile=name,
            security_mode=None if profile is None else profile.security_mode,
            authentication_mode=None if profile is None else profile.authentication_mode,
            capf_operation=read_word(CertificateOperation, have.get("certificateOperation")),
            capf_status=read_word(CertificateStatus, have.get("certificateStatus")),
            capf_finish_time=self._shared(have.get("upgradeFinishTime")),
            lsc_valid_until=until,
            lsc_issuer=issuer,
            lsc_issuer_valid_until=issuer_until,
        )
