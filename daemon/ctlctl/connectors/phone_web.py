"""Reading phones' own web pages: which trust lists does a phone hold, without touching it.

A visit asks one phone one page after the other, plain, or over TLS that proves nothing (ADR 0011) where plain is
closed or points there. No name, password or cookie is ever sent, no redirect is followed, and what comes is bounded in
bytes and time. Which pages a phone has depends on its family; the first one that it does have decides which others are
tried.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final, NoReturn

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.phone_web_ports import (
    DEFAULT_CONCURRENCY,
    MAX_CONCURRENCY,
    PhoneWebError,
    PhoneWebSettings,
    Visited,
)
from ctlctl.connectors.phone_web_session import Open, Page, Session
from ctlctl.phonepages import PageError, PageFacts, PageProblem, parse_page

__all__ = ["PhoneWebError", "PhoneWebSettings", "Visited", "sweep", "visit"]

_SERVICEABILITY: Final = "/CGI/Java/Serviceability?adapter=device.statistics"
#: Each family's page about the device, which names it, and the pages that may tell of its lists (docs/phone-web.md).
_FAMILIES: Final = (
    ("/DeviceInformationX", ("/NetworkConfigurationX", f"{_SERVICEABILITY}.configuration", "/NetworkConfiguration")),
    (f"{_SERVICEABILITY}.device", (f"{_SERVICEABILITY}.configuration",)),
    ("/localmenus.cgi?func=604", ("/localmenus.cgi?func=219",)),
    ("/Device_Information.html", ("/Network_Setup.html",)),
)
_PROBLEMS: Final = {
    PageProblem.LOGIN: ConnectorFault.LOGIN,
    PageProblem.TOO_LARGE: ConnectorFault.TOO_LARGE,
}


def visit(name: str, address: str, settings: PhoneWebSettings) -> PageFacts:
    """Read the pages of one phone. Blocks.

    Args:
        name: Device name of the phone, such as "SEP001122334455"; its pages must say that they are its own.
        address: Where it is.
        settings: How pages are read.

    Returns:
        What they say; which lists it holds, if its firmware tells that.

    Raises:
        PhoneWebError: They were not read, want a login, or are those of another device.
    """
    return _visit(name, address, settings, Open())


def _visit(name: str, address: str, settings: PhoneWebSettings, opened: Open) -> PageFacts:
    place = Place(settings.cluster, name, f"phone web at {address}")
    with Session(address, settings, place, opened) as session:
        return _Visit(name, session).read()


class _Visit:
    """One phone, and what it has said so far."""

    def __init__(self, name: str, session: Session) -> None:
        self._name = name
        self._session = session

    def read(self) -> PageFacts:
        for device_page, network_pages in _FAMILIES:
            facts = self._facts(device_page)
            if facts is None:
                continue
            # Before anything else is asked: whoever else has the address now is not ours to ask.
            self._check_name(facts)
            for path in network_pages:
                if facts.hashes_known:
                    break
                more = self._facts(path)
                if more is not None:
                    if facts.belongs_to(self._name) is None:
                        self._check_name(more)
                    # Else it is the same visit; the host name of a network page may be one that DHCP gave.
                    facts = facts.merged(more)
            if facts.belongs_to(self._name) is None:
                self._fail(ConnectorFault.PROTOCOL, "the pages do not say which phone they are of")
            return facts
        if self._session.in_trouble is not None:
            self._fail(ConnectorFault.SERVER_ERROR, f"no page was to be had: {self._session.in_trouble}")
        detail = "something answers, but has none of the pages that phones have"
        raise self._session.error(ConnectorFault.PROTOCOL, detail)

    def _facts(self, path: str) -> PageFacts | None:
        page = self._session.get(path)
        return None if page is None else self._parsed(page)

    def _parsed(self, page: Page) -> PageFacts | None:
        try:
            return parse_page(page.content, page.content_type)
        except PageError as error:
            fault = _PROBLEMS.get(error.problem)
            if fault is None:
                return None
            self._fail(fault, f"{page.path}: {error}")

    def _check_name(self, facts: PageFacts) -> None:
        if facts.belongs_to(self._name) is False:
            said = facts.host_name or facts.mac
            self._fail(ConnectorFault.WRONG_DEVICE, f"the pages are those of {said}, not of {self._name}")

    def _fail(self, fault: ConnectorFault, detail: str) -> NoReturn:
        raise self._session.error(fault, detail)


def sweep(
    phones: Iterable[tuple[str, str]], settings: PhoneWebSettings, *, concurrency: int = DEFAULT_CONCURRENCY
) -> Generator[Visited]:
    """Visit many phones, each once, and give each outcome as soon as it is there, in any order.

    No address is asked by two visits at a time. Closing the generator ends the visits under way before it returns.

    Args:
        phones: Device name and address of each; taken one by one as they are needed.
        settings: How pages are read.
        concurrency: Visits at the same time.

    Yields:
        One outcome for each phone.

    Raises:
        ValueError: The concurrency is not 1 to `MAX_CONCURRENCY`.
    """
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise ValueError(f"concurrency must be 1 to {MAX_CONCURRENCY}, not {concurrency}")
    return _Sweep(iter(phones), settings, concurrency).run()


class _Sweep:
    """A sweep: the visits under way by address, and those that wait for their address to be free."""

    def __init__(self, phones: Iterator[tuple[str, str]], settings: PhoneWebSettings, concurrency: int) -> None:
        self._phones = phones
        self._settings = settings
        self._concurrency = concurrency
        self._opened = Open()
        self._busy: dict[Future[Visited], str] = {}
        self._waiting: deque[tuple[str, str]] = deque()

    def run(self) -> Generator[Visited]:
        with ThreadPoolExecutor(self._concurrency, "phone-web") as pool:
            try:
                while self._fill(pool):
                    done, _ = wait(self._busy, return_when=FIRST_COMPLETED)
                    for future in done:
                        del self._busy[future]
                        yield future.result()
            finally:
                for future in self._busy:
                    future.cancel()
                self._opened.end()

    def _fill(self, pool: ThreadPoolExecutor) -> bool:
        """Start as many visits as may be under way; tell whether any is."""
        for _ in range(len(self._waiting)):
            self._start(pool, self._waiting.popleft())
        # Phones that wait for one address hold nothing up but the look-ahead.
        while len(self._busy) < self._concurrency and len(self._waiting) < self._concurrency:
            phone = next(self._phones, None)
            if phone is None:
                break
            self._start(pool, phone)
        return bool(self._busy)

    def _start(self, pool: ThreadPoolExecutor, phone: tuple[str, str]) -> None:
        name, address = phone
        if len(self._busy) >= self._concurrency or address in self._busy.values():
            self._waiting.append(phone)
        else:
            self._busy[pool.submit(self._one, name, address)] = address

    def _one(self, name: str, address: str) -> Visited:
        try:
            return Visited(name, _visit(name, address, self._settings, self._opened))
        except PhoneWebError as error:
            return Visited(name, error)
