"""XML by hand: elements as text, in the order of the schema, everything escaped.

A tree is not needed: oBDS is written once, in order, and people stream. Neighbours: `patient`, `reports`.
"""

from __future__ import annotations

from datetime import date
from xml.sax.saxutils import escape, quoteattr


def tag(name: str, content: str | int | float | date | None, **attributes: str) -> str:
    """One element with text; nothing for None."""
    if content is None:
        return ""
    text = content.isoformat() if isinstance(content, date) else str(content)
    return f"<{name}{_attributes(attributes)}>{escape(text)}</{name}>"


def parent(name: str, *children: str, **attributes: str) -> str:
    """One element around others."""
    return f"<{name}{_attributes(attributes)}>{''.join(children)}</{name}>"


def exact_day(name: str, day: date) -> str:
    """A date known to the day (Datumsgenauigkeit E)."""
    return tag(name, day, Datumsgenauigkeit="E")


def coded(name: str, code: str, version: str) -> str:
    """A code with the version of its catalogue."""
    return parent(name, tag("Code", code), tag("Version", version))


def _attributes(attributes: dict[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
