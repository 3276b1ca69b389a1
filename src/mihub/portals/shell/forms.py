"""Reading forms: values with words for what is wrong, so that a page can show all mistakes at once.

Usage: `errors = FormErrors()`, read every field, then `if errors: return page(..., status=422,
errors=errors)`. The macros `error_summary` and the field macros take the same object. Texts are keys of the
catalogues.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from starlette.datastructures import FormData


@dataclass
class FormErrors:
    """What is wrong, by field name, as text keys; empty is false."""

    found: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """True when something is wrong."""
        return bool(self.found)

    def get(self, name: str) -> str | None:
        """The text key for one field."""
        return self.found.get(name)

    def add(self, name: str, key: str) -> None:
        """The first mistake of a field stays."""
        self.found.setdefault(name, key)

    def text(self, form: FormData, name: str, *, required: bool = False, limit: int = 4000) -> str:
        """One line or paragraph, trimmed."""
        value = form.get(name)
        text = value.strip() if isinstance(value, str) else ""
        if required and not text:
            self.add(name, "shell.form.required")
        if len(text) > limit:
            self.add(name, "shell.form.too_long")
        return text[:limit]

    def choice(self, form: FormData, name: str, allowed: Collection[str], *, required: bool = True) -> str:
        """One of the offered values."""
        value = self.text(form, name)
        if (required and not value) or (value and value not in allowed):
            self.add(name, "shell.form.choose")
            return ""
        return value

    def day(self, form: FormData, name: str, *, required: bool = False) -> date | None:
        """A date from three fields `name-day`, `name-month`, `name-year`."""
        parts = [self.text(form, f"{name}-{part}") for part in ("year", "month", "day")]
        if not any(parts):
            if required:
                self.add(name, "shell.form.required")
            return None
        try:
            return date(*(int(part) for part in parts))
        except ValueError:
            self.add(name, "shell.form.not_a_date")
            return None

    def number(self, form: FormData, name: str, *, required: bool = False) -> Decimal | None:
        """A number with comma or point."""
        text = self.text(form, name, required=required).replace(",", ".")
        if not text:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            self.add(name, "shell.form.not_a_number")
            return None
        if not value.is_finite():
            self.add(name, "shell.form.not_a_number")
            return None
        return value
