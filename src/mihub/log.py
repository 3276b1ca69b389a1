"""The only door to logging: listed fields of safe types, never a patient value.

A field that is not listed, or a text that does not look like a name of ours (letters, digits and `. _ - / : + $`), is
refused with an error, so that a value can not slip into a log by way of a message. Of what other libraries log (a web
server writes the trace of a fault, which may quote a value) only their name and the kind of error is kept.
Below: structlog. Above: everyone.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final, TextIO

import structlog

# What may be logged. Counts and durations are numbers; the rest are names that the program itself chose.
NUMBERS: Final = frozenset(
    {
        "count",
        "loaded",
        "rejected",
        "resources",
        "duration_ms",
        "status",
        "size_bytes",
        "port",
        "position",
        "attempt",
    }
)
NAMES: Final = frozenset(
    {
        "member",
        "room",
        "action",
        "resource_type",
        "route",
        "method",
        "kind",
        "reason",
        "rule",
        "error",
        "envelope",
        "question",
    }
)
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9._\-/:+$ ]{0,120}")


def configure(stream: TextIO | None = None, *, as_json: bool = False) -> None:
    """Send events to `stream` (default: standard error), as text or as one JSON object a line."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        # Standard error is looked up at each event: it may have been exchanged since.
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    _silence_libraries()


class _NamesOnly(logging.Handler):
    """What other libraries log: who spoke and which kind of error; never their text, which may quote a value."""

    def emit(self, record: logging.LogRecord) -> None:
        """One event without message, arguments and trace."""
        kind = record.exc_info[0] if record.exc_info else None
        room = record.name if _SAFE_NAME.fullmatch(record.name) else "unnamed"
        warning(
            "library spoke", room=room, kind=record.levelname.lower(), error=kind.__name__ if kind else "none"
        )


def _silence_libraries() -> None:
    """Everything of warning and above goes through `_NamesOnly`; nothing else of theirs is written."""
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _NamesOnly)]
    root.addHandler(_NamesOnly(logging.WARNING))


def info(event: str, **fields: str | int | float) -> None:
    """Log that something happened. Raises `TypeError` for a field or a value that may not be logged."""
    structlog.get_logger().info(_safe(event), **_checked(fields))


def warning(event: str, **fields: str | int | float) -> None:
    """Log that something needs a look. Raises as `info` does."""
    structlog.get_logger().warning(_safe(event), **_checked(fields))


def _checked(fields: dict[str, str | int | float]) -> dict[str, str | int | float]:
    checked: dict[str, str | int | float] = {}
    for name, value in fields.items():
        if name in NUMBERS and isinstance(value, int | float):
            checked[name] = value
        elif name in NAMES and isinstance(value, str):
            checked[name] = _safe(value)
        else:
            raise TypeError(
                f"The field {name!r} may not be logged: it is not listed in mihub.log or has another type."
            )
    return checked


def _safe(text: str) -> str:
    if not _SAFE_NAME.fullmatch(text):
        raise TypeError(
            "A log text holds characters that only values have; log a name from the program instead."
        )
    return text
