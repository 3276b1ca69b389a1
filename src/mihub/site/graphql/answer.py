"""What a query gathers: names with one or more values, in the order asked. Above: `execute`."""

from __future__ import annotations

from typing import Any

from mihub.core.fhir import Json
from mihub.errors import InvalidInput
from mihub.site.graphql.document import RULE


class Answer:
    """An object in the making. A name that comes again gathers its values, as the specification's `@flatten` needs it."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._many: dict[str, bool] = {}

    def add(self, name: str, value: Any, *, many: bool, singleton: bool = False) -> None:
        """One value. `many`: told as a list even when it stays alone; `singleton`: it must stay alone."""
        values = self._values.setdefault(name, [])
        values.append(value)
        if singleton and len(values) > 1:
            raise InvalidInput(
                "A field that is marked @singleton has several values.",
                where=name,
                rule=RULE,
                next_step="Remove @singleton.",
            )
        self._many[name] = (self._many.get(name, False) or many) and not singleton

    def told(self) -> Json:
        """The object."""
        return {
            name: [_told(one) for one in values] if self._many[name] or len(values) > 1 else _told(values[0])
            for name, values in self._values.items()
        }


def _told(value: Any) -> Any:
    return value.told() if isinstance(value, Answer) else value
