"""Structured logs: events with fields, one line each, on standard error.

A command calls `configure` once, and a module logs with `get(__name__).info("message.accepted",
id=…)`. A customer's text or full address is never a field; `redacted` shortens an address.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from runtime.client_log import take_over_libraries
from schemas.text.masking import mask_value


def configure(stage: str, level: str = "info", as_json: bool | None = None) -> None:
    """Set up logging for this process; JSON unless standard error is a terminal."""
    numeric = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        # Its own way shows the values of a traceback: a customer's words among them.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )

    def add_stage(_logger: object, _method: str, event: EventDict) -> EventDict:
        # Not a context variable: threads do not inherit those.
        event.setdefault("stage", stage)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_stage,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        shared.append(structlog.processors.format_exc_info)
    shared.append(_mask)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up from warnings on: their info lines are not this project's events.
    root.setLevel(max(numeric, logging.WARNING))
    take_over_libraries()


def _mask(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Mask personal numbers in every field: an error's text may quote a stranger's words."""
    return {name: mask_value(value) for name, value in event.items()}


def get(name: str) -> FilteringBoundLogger:
    """Return the logger of a module."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


def redacted_url(url: str) -> str:
    """Return a server's address without the password in it."""
    scheme, separator, rest = url.partition("://")
    user, sign, host = rest.rpartition("@")
    if separator and sign:
        url = f"{scheme}://{user.partition(':')[0]}:***@{host}"
    return _PASSWORD.sub(r"\1***", url)


_PASSWORD = re.compile(r"([?&]password=)[^&]*", re.IGNORECASE)


def redacted(address: str) -> str:
    """Return an address of which only the first letter and the domain can be read."""
    local, separator, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if separator else f"{address[:2]}…"
