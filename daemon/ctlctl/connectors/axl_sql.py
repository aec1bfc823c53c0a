"""The SQL that is sent, all of it. It only reads.

Cisco promises nothing about the database from release to release, so SQL is asked only for what no AXL operation
gives: LSC dates and the certificates of all stores with their PEM.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ctlctl.connectors.axl_values import LscColumn

CLUSTER_SECURITY: Final = "select paramvalue from processconfig where paramname = 'ClusterSecurityMode'"

# A key as the database writes it: lower case, without braces.
_KEY: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A number of a type table.
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class PagedQuery:
    """A query that is read page by page, each beginning behind the last row of the one before.

    No page costs the cluster more than another, and rows that come or go meanwhile move no other row over the edge of
    a page, as SKIP would have it.

    Attributes:
        select: Columns, tables and conditions; it ends in a WHERE that takes another condition.
        order: The key; no two rows have the same.
        behind: Makes the condition of the rows behind one, and raises ValueError if its key cannot be one.
    """

    select: str
    order: str
    behind: Callable[[Mapping[str, str]], str]

    def page(self, first: int, last: Mapping[str, str] | None) -> str:
        """Ask for one page.

        Args:
            first: Rows at most.
            last: The last row of the page before; None for the first page.

        Returns:
            The statement.

        Raises:
            ValueError: The key of that row cannot be one; nothing but keys ever goes into a statement.
        """
        behind = "" if last is None else f" and {self.behind(last)}"
        return f"select first {first:d} {self.select}{behind} order by {self.order}"


def quoted(value: str) -> str:
    """Write a text literal.

    Args:
        value: Any text.

    Returns:
        The literal with its quotes; a quote inside is doubled, which is all that Informix wants escaped.

    Raises:
        ValueError: It has a character that no name in CUCM has.
    """
    if not value.isprintable():
        raise ValueError("the text has a control character")
    return "'" + value.replace("'", "''") + "'"


def is_key(pkid: str) -> bool:
    """Tell whether a text is a key as the database writes it."""
    return _KEY.fullmatch(pkid) is not None


def _key(row: Mapping[str, str]) -> str:
    pkid = row.get("pkid", "").strip()
    if not is_key(pkid):
        raise ValueError("the key of a row is none")
    return quoted(pkid)


def _behind_phone(row: Mapping[str, str]) -> str:
    return f"d.pkid > {_key(row)}"


def _behind_certificate(row: Mapping[str, str]) -> str:
    # One certificate may be in several stores.
    key, store = _key(row), row.get("storenumber", "").strip()
    if not _NUMBER.fullmatch(store):
        raise ValueError("the number of a store is none")
    return f"(c.pkid > {key} or (c.pkid = {key} and tcs.enum > {store}))"


# The certificates of all nodes and stores. Informix numbers type tables as it likes, so they are joined and never
# computed.
CERTIFICATES: Final = PagedQuery(
    "c.pkid, tcs.enum as storenumber, c.servername, tcs.name as store, td.moniker as distribution, c.ipv4address, "
    "c.subjectname, c.issuername, c.serialnumber, c.certificate from certificate c "
    "join certificateservicecertificatemap m on m.fkcertificate = c.pkid "
    "join typecertificateservice tcs on tcs.enum = m.tkcertificateservice "
    "join typecertificatedistribution td on td.enum = c.tkcertificatedistribution "
    "where c.pkid is not null",
    "c.pkid, tcs.enum",
    _behind_certificate,
)


def probe_columns(columns: Collection[LscColumn]) -> str:
    """Ask whether columns are there."""
    return f"select first 1 {', '.join(columns)} from device"  # noqa: S608 - members of an enum


def _lsc_select(columns: Collection[LscColumn]) -> str:
    # tkclass 1 is a phone (typeclass).
    return f"d.pkid, {', '.join(f'd.{column}' for column in columns)} from device d where d.tkclass = 1"


def lsc_of_phones(columns: Collection[LscColumn], name_like: str) -> PagedQuery:
    """Ask for what the database knows of the LSCs of phones.

    Args:
        columns: Those that are there.
        name_like: Name, with SQL's wildcards. Case makes no difference: AXL decides which phones are meant.

    Returns:
        The query.

    Raises:
        ValueError: That cannot be a name.
    """
    named = "" if name_like == "%" else f" and lower(d.name) like lower({quoted(name_like)})"
    return PagedQuery(_lsc_select(columns) + named, "d.pkid", _behind_phone)


def lsc_of_phone(columns: Collection[LscColumn], pkid: str) -> str:
    """Ask for the same of one phone; raises ValueError if that cannot be its key."""
    return f"select first 1 {_lsc_select(columns)} and d.pkid = {_key({'pkid': pkid})}"
