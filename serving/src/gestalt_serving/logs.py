"""Structured logs: one JSON object a line on stderr."""

from __future__ import annotations

import logging
import sys

import msgspec
import structlog


def configure(*ship: structlog.typing.Processor, level: str = "info") -> None:
    """Set up structlog, and let the libraries' own loggers speak through it from warnings on.

    `ship` gets each line as well.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            *ship,
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[ToStructlog()], force=True)


def _encode(value: object, **_: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


class ToStructlog(logging.Handler):
    """Hands a library's record to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info)
