"""Logs: JSON lines for a journal, words for a terminal; both on stderr. Libraries log nothing below a warning."""

import logging
import sys
from typing import Final

import structlog
from structlog.typing import EventDict, Processor

FORMATS: Final = ("auto", "json", "console")


def set_up_logs(style: str, *, debug: bool = False) -> None:
    """Send every log line to stderr.

    Args:
        style: "json", "console", or "auto" for what stderr is.
        debug: whether debug lines are wanted too.
    """
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    level = logging.DEBUG if debug else logging.INFO
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _short,
        structlog.processors.format_exc_info,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if console else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last], foreign_pre_chain=shared
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("ctld").setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


#: Characters of one value; a line of the journal is for reading.
_MAX_CHARACTERS: Final = 2000


def _short(_: object, __: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str) and len(value) > _MAX_CHARACTERS:
            event[key] = value[:_MAX_CHARACTERS] + "…"
    return event
