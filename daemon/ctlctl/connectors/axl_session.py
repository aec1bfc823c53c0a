"""One conversation with AXL: agreeing on a version, what its faults mean, waiting when it is busy, pages.

Facts are of the AXL Developer Guide and of answers that others have published: the fault texts, the codes, and that a
version which is not served is HTTP status 599.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from ctlctl.connectors.axl_ports import SCHEMA_VERSIONS, AxlError, AxlObserver, AxlSettings, SchemaVersion
from ctlctl.connectors.axl_readers import flat
from ctlctl.connectors.axl_requests import Arguments, wanted_tags
from ctlctl.connectors.axl_sql import PagedQuery
from ctlctl.connectors.axl_values import AxlVersion
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.pacing import Pace, Sleep, waits
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap import SoapClient, SoapServer, is_write
from ctlctl.connectors.soap_wsdl import describe
from ctlctl.connectors.soap_xml import SoapFault, SoapFaultError, read_answer, read_items, text

if TYPE_CHECKING:
    from lxml import etree

_T = TypeVar("_T")

PATH: Final = "/axl/"

# Both spellings stand in Cisco's text.
_TOO_MANY_ROWS: Final = re.compile(r"suggest\w*\s+row\s+fetch:\s*less\s+than\s*(\d{1,9})", re.IGNORECASE)
_NO_MEMORY: Final = re.compile(r"maximum axl memory allocation consumed", re.IGNORECASE)
_WRONG_VERSION: Final = re.compile(r"incorrect axl version|supported axl versions", re.IGNORECASE)
_NO_COLUMN: Final = re.compile(r"column \(\w+\) not found", re.IGNORECASE)
_NO_RIGHTS: Final = re.compile(r"\bprivilege|\bpermission|\bnot authori[sz]ed", re.IGNORECASE)
_NOT_FOUND: Final = re.compile(r"\bnot found\b", re.IGNORECASE)

NOT_FOUND_CODE: Final = 5007
_MISSING_OR_REFUSED_CODE: Final = 5003
# Informix's: no such table, no such column.
_NOT_THERE_CODES: Final = frozenset({-206, -217})
_DUPLICATE_CODE: Final = -239

# Part of the suggested number of rows that the next page asks for: rows are not all of the same size.
_PAGE_SHARE: Final = 0.7
# Rows of one list. No cluster has as many; a server that never comes to an end does.
_MAX_ROWS: Final = 1_000_000


class _TooManyRowsError(Exception):
    """A page is too large for AXL; `suggested` says how many rows it would give."""

    def __init__(self, suggested: int, words: str) -> None:
        super().__init__(words)
        self.suggested = suggested


class AxlSession:
    """Calls AXL operations of one cluster. Threads may share it: they take turns."""

    def __init__(self, settings: AxlSettings, pace: Pace, sleep: Sleep, observer: AxlObserver | None = None) -> None:
        """Ask nothing yet.

        Args:
            settings: Where and how.
            pace: Of writes.
            sleep: Waits that many seconds.
            observer: Hears of every request.

        Raises:
            AxlError: Host or port cannot be.
        """
        self._settings = settings
        self._pace = pace
        self._sleep = sleep
        self._observer = observer
        self._place = Place(settings.cluster, settings.host, "AXL")
        self._versions = SCHEMA_VERSIONS if settings.version == "auto" else (settings.version,)
        self._client = SoapClient(self._server(), _description(self._versions[0]), AxlError)
        self._agreed: AxlVersion | None = None
        self._agreeing = threading.Lock()
        # Rows a page may have, by what is listed, where AXL has said that the usual number is too many.
        self._page_sizes: dict[str, int] = {}

    def _server(self) -> SoapServer:
        settings = self._settings
        return SoapServer(
            place=self._place,
            host=settings.host,
            port=settings.port,
            path=PATH,
            username=settings.username,
            password=settings.password,
            tls=settings.tls,
            timeout_seconds=settings.timeout_seconds,
            max_answer_bytes=settings.max_answer_bytes,
            guard=settings.guard,
        )

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._client.close()

    def fail(self, fault: ConnectorFault, detail: str, advice: str = "") -> NoReturn:
        """Raise the error of this interface.

        Raises:
            AxlError: Always.
        """
        raise AxlError(fault, detail, place=self._place, advice=advice) from None

    def version(self) -> AxlVersion:
        """Agree on a version, the newest first; later calls return the same.

        Raises:
            AxlError: No version of ours is served, or AXL cannot be asked at all.
        """
        with self._agreeing:
            if self._agreed is None:
                self._agreed = self._agree()
            return self._agreed

    def _agree(self) -> AxlVersion:
        versions = iter(self._versions)
        while True:
            schema = next(versions)
            self._client.describe(_description(schema))
            try:
                return AxlVersion(schema, self._settled("getCCMVersion", {}, _read_version))
            except AxlError as error:
                if error.fault is not ConnectorFault.VERSION:
                    raise
                if schema == self._versions[-1]:
                    offered = ", ".join(self._versions)
                    self.fail(ConnectorFault.VERSION, f"AXL {offered} was offered, and {error.detail}")

    def call(
        self,
        operation: str,
        arguments: Arguments,
        read: Callable[[bytes], _T],
        secrets: tuple[Secret, ...] = (),
    ) -> _T:
        """Call one operation, waiting where AXL is busy.

        Args:
            operation: Its name.
            arguments: As zeep takes them.
            read: Makes the result of the answer.
            secrets: Those among the arguments.

        Returns:
            What `read` made.

        Raises:
            AxlError: It was not done; for a change, fault "uncertain" means that nobody knows.
        """
        self.version()
        return self._settled(operation, arguments, read, secrets)

    def _settled(
        self,
        operation: str,
        arguments: Arguments,
        read: Callable[[bytes], _T],
        secrets: tuple[Secret, ...] = (),
    ) -> _T:
        """Call an operation that has no pages."""
        try:
            return self._patiently(operation, arguments, read, secrets)
        except _TooManyRowsError as error:
            self.fail(ConnectorFault.TOO_LARGE, f"the answer to {operation} is too large for AXL ({error})")

    def items(
        self,
        item: str,
        criteria: Mapping[str, str],
        convert: "Callable[[etree._Element], _T]",
        *,
        wanted: Arguments | None = None,
    ) -> Iterator[_T]:
        """List items, page by page; at no time more than a page is held.

        Args:
            item: What is listed, as in "Phone" for listPhone.
            criteria: What to look for.
            convert: Makes the value of an element.
            wanted: What to give back; everything that is ever needed of such an item if it is not said.

        Yields:
            The values.

        Raises:
            AxlError: A page could not be had.
        """
        operation, element = f"list{item}", item[0].lower() + item[1:]
        # Asked even where nothing of it is needed: it is agreed on before anything else is sent.
        schema = self.version().schema
        wanted = wanted_tags(item, schema) if wanted is None else wanted
        read = partial(read_items, operation=operation, item=element, convert=convert)

        def page(skip: int, first: int) -> list[_T]:
            arguments = {"searchCriteria": criteria, "returnedTags": wanted, "skip": skip, "first": first}
            return self._patiently(operation, arguments, read)

        return self._pages(operation, page)

    def rows(self, query: PagedQuery) -> Iterator[dict[str, str]]:
        """Run a query page by page.

        Args:
            query: One of `axl_sql`.

        Yields:
            Rows, texts by column; NULL is "".

        Raises:
            AxlError: A page could not be had, or the pages go nowhere.
        """
        self.version()
        last: dict[str, str] | None = None
        before = ""

        def page(_: int, first: int) -> list[dict[str, str]]:
            nonlocal last, before
            try:
                statement = query.page(first, last)
            except ValueError as error:
                self.fail(ConnectorFault.PROTOCOL, f"the database cannot be read page by page: {error}")
            if statement == before:
                self.fail(ConnectorFault.PROTOCOL, "the database gives the same page again and again")
            found = self._patiently("executeSQLQuery", {"sql": statement}, _read_rows)
            before, last = statement, found[-1] if found else last
            return found

        return self._pages(query.select, page)

    def query(self, sql: str) -> list[dict[str, str]]:
        """Run one query whose text is of `axl_sql`.

        Raises:
            AxlError: It could not be run.
        """
        return self.call("executeSQLQuery", {"sql": sql}, _read_rows)

    def _pages(self, what: str, page: Callable[[int, int], list[_T]]) -> Iterator[_T]:
        skip = 0
        while skip < _MAX_ROWS:
            first = self._page_sizes.get(what, self._settings.page_size)
            try:
                values = page(skip, first)
            except _TooManyRowsError as error:
                if first == 1:
                    self.fail(ConnectorFault.TOO_LARGE, f"even one row is too much for AXL ({error})")
                # Always smaller than before, so this ends.
                self._page_sizes[what] = max(1, int(min(error.suggested, first) * _PAGE_SHARE))
                continue
            yield from values
            # A page that is not as long as asked for is the last; a longer one means that pages are not obeyed, and
            # everything is there.
            if len(values) != first:
                return
            skip += first
        self.fail(ConnectorFault.PROTOCOL, f"a list does not end after {_MAX_ROWS} rows")

    def _patiently(
        self,
        operation: str,
        arguments: Arguments,
        read: Callable[[bytes], _T],
        secrets: tuple[Secret, ...] = (),
    ) -> _T:
        """Call, and call again while AXL says that it is busy; it says so before it has done anything."""
        writes = is_write(operation)
        waits_left = waits(self._settings.max_wait_seconds)
        waited = 0.0
        while True:
            if writes:
                self._pace.wait()
            try:
                result = self._once(operation, arguments, read, secrets)
            except AxlError as error:
                if error.fault is ConnectorFault.VERSION:
                    # The cluster was upgraded, it seems: the next call agrees anew.
                    self._agreed = None
                if error.fault is not ConnectorFault.THROTTLED:
                    raise
                self._heed(operation, writes=writes)
                wait = next(waits_left, None)
                if wait is None:
                    self.fail(ConnectorFault.THROTTLED, f"{error.detail}, also after {waited:g} seconds of waiting")
                self._sleep(wait)
                waited += wait
            else:
                if writes:
                    self._pace.faster()
                return result

    def _heed(self, operation: str, *, writes: bool) -> None:
        """The cluster is busy."""
        if self._observer is not None:
            self._observer.axl_throttled(self._settings.cluster, operation)
        if writes:
            self._pace.slower()

    def _once(
        self, operation: str, arguments: Arguments, read: Callable[[bytes], _T], secrets: tuple[Secret, ...]
    ) -> _T:
        if self._observer is not None:
            self._observer.axl_request(self._settings.cluster, operation)
        try:
            return self._client.call(operation, arguments, read, secrets)
        except SoapFaultError as error:
            self._explain(operation, error.fault)

    def _explain(self, operation: str, fault: SoapFault) -> NoReturn:
        words, code = fault.words, fault.axl_code
        suggested = _TOO_MANY_ROWS.search(words)
        if suggested:
            raise _TooManyRowsError(int(suggested[1]), words) from None
        if _NO_MEMORY.search(words):
            kind = ConnectorFault.THROTTLED
        elif _WRONG_VERSION.search(words):
            kind = ConnectorFault.VERSION
        elif code == NOT_FOUND_CODE or (code == _MISSING_OR_REFUSED_CODE and _NOT_FOUND.search(words)):
            kind = ConnectorFault.NO_SUCH_ITEM
        elif code == _MISSING_OR_REFUSED_CODE and _NO_RIGHTS.search(words):
            kind = ConnectorFault.RIGHTS
        elif code == _DUPLICATE_CODE:
            kind = ConnectorFault.DUPLICATE
        elif code in _NOT_THERE_CODES or _NO_COLUMN.search(words):
            kind = ConnectorFault.UNSUPPORTED
        else:
            kind = ConnectorFault.REFUSED
        shown = "" if code is None else f" (axlcode {code})"
        error = AxlError(kind, f"{operation} is refused: {words}{shown}", place=self._place)
        error.code = code
        raise error from None


def _description(version: SchemaVersion) -> bytes:
    # The form of the action is of the AXL Developer Guide; its version and that of the namespace must agree.
    return describe("axl.xsd", action=f"CUCM:DB ver={version} {{operation}}", version=version)


def _read_version(content: bytes) -> str:
    return text(read_answer(content, "getCCMVersion"), "return", "componentVersion", "version") or ""


def _read_rows(content: bytes) -> list[dict[str, str]]:
    return read_items(content, "executeSQLQuery", "row", flat)
