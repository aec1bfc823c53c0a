"""Dates as the console prints them. The lab's nodes live in UTC."""

from datetime import UTC, datetime


def console_date(instant: float) -> str:
    """Return a date such as ``Mon Nov 23 00:00:00 UTC 2026``."""
    moment = datetime.fromtimestamp(instant, UTC)
    return f"{moment:%a %b} {moment.day:2} {moment:%H:%M:%S} UTC {moment:%Y}"


def short_date(instant: float) -> str:
    """Return the same without a zone, as `show network cluster` has it."""
    moment = datetime.fromtimestamp(instant, UTC)
    return f"{moment:%a %b} {moment.day} {moment:%H:%M:%S %Y}"


def plain_date(instant: float) -> str:
    """Return a date such as ``2026-11-23 00:00:00``."""
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d %H:%M:%S}"
