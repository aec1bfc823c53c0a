"""Many phones as the database has them at this moment, in one question: what a rollout looks at again and again.

getPhone takes two calls for each phone. The tables and columns are those of the inventory's query (Cisco's LSC
monitoring sample; the device columns are in every dump since 11.5).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ctlctl.connectors.axl_phones import read_lsc
from ctlctl.connectors.axl_readers import bare_pkid
from ctlctl.connectors.axl_sql import quoted
from ctlctl.connectors.axl_values import LscColumn

#: Names in one question; a statement stays below 8 KB.
NAMES_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class PhoneNow:
    """A phone as the database has it; words as AXL's enumerations spell them. None means: not known.

    Attributes:
        pkid: its key.
        name: device name.
        model: model.
        security_profile: name of the security profile.
        security_mode: of that profile.
        authentication_mode: of that profile.
        operation: what CAPF is told to do.
        status: what CAPF says.
        finish_time: "Operation Completes By", as it stands there.
        lsc_valid_until: end of the LSC.
        lsc_issuer: its issuer.
    """

    pkid: str
    name: str
    model: str
    security_profile: str | None
    security_mode: str | None
    authentication_mode: str | None
    operation: str | None
    status: str | None
    finish_time: str
    lsc_valid_until: int | None
    lsc_issuer: str | None


def phones_now(columns: Collection[LscColumn], names: Iterable[str]) -> str:
    """Ask for phones by name.

    Args:
        columns: those about LSCs that are there.
        names: device names, at most `NAMES_AT_ONCE`.

    Raises:
        ValueError: one of them cannot be a name.
    """
    wanted = ", ".join(quoted(name) for name in names)
    about_lsc = "".join(f", d.{column}" for column in columns)
    # Nothing of it comes from outside but the names, which are quoted.
    return (
        "select d.pkid, d.name, tm.name as model, cs.name as certstatus, co.name as certop, "  # noqa: S608 - see above
        f"d.upgradefinishtime, sp.name as secprofile, sm.name as secmode, am.name as authmode{about_lsc} from device d "
        "join typemodel tm on tm.enum = d.tkmodel "
        "left join typecertificatestatus cs on cs.enum = d.tkcertificatestatus "
        "left join typecertificateoperation co on co.enum = d.tkcertificateoperation "
        "left join securityprofile sp on sp.pkid = d.fksecurityprofile "
        "left join typedevicesecuritymode sm on sm.enum = sp.tkdevicesecuritymode "
        "left join typeauthenticationmode am on am.enum = sp.tkauthenticationmode "
        f"where d.tkclass = 1 and d.name in ({wanted})"
    )


def read_phone_now(row: Mapping[str, str]) -> PhoneNow:
    """Read a row of the answer."""
    until, issuer, _ = read_lsc(row)
    return PhoneNow(
        pkid=bare_pkid(row.get("pkid", "")),
        name=row.get("name", ""),
        model=row.get("model", ""),
        security_profile=row.get("secprofile") or None,
        security_mode=row.get("secmode") or None,
        authentication_mode=row.get("authmode") or None,
        operation=row.get("certop") or None,
        status=row.get("certstatus") or None,
        finish_time=row.get("upgradefinishtime") or "",
        lsc_valid_until=until,
        lsc_issuer=issuer,
    )
