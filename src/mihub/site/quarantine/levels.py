"""The setting `validation` as a value: what happens to a resource of each type that breaks a rule.

One line: a level for everything, then exceptions by type. Never guesses: an unknown word stops the start. Above: `door`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.errors import ConfigurationError

# off: nothing is looked at; warn: stored, findings are counted; reject: what has an error is not stored and waits.
Level = Literal["off", "warn", "reject"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
_RULE: Final = "docs/reference/validation-in-use.md"


@dataclass(frozen=True, slots=True)
class Levels:
    """The level of every type."""

    default: Level = "warn"
    by_type: Mapping[str, Level] = field(default_factory=dict)

    def of(self, resource_type: str) -> Level:
        """The level of this type."""
        return self.by_type.get(resource_type, self.default)

    @property
    def all_off(self) -> bool:
        """Whether nothing at all is looked at."""
        return self.default == "off" and all(level == "off" for level in self.by_type.values())


def levels_of(text: str) -> Levels:
    """The levels in `warn, Patient=reject, Observation=off`. Raises `ConfigurationError` naming the word."""
    default: Level | None = None
    by_type: dict[str, Level] = {}
    for word in (part.strip() for part in text.split(",")):
        name, equals, wanted = (piece.strip() for piece in word.partition("="))
        if not equals:
            if default is not None:
                raise _refused(
                    f"The setting validation names two levels for everything, the second is {word!r}."
                )
            default = _level(name)
            continue
        if name not in RESOURCE_TYPES:
            raise _refused(f"The setting validation names {name!r}, which is no resource type of FHIR R4.")
        if name in by_type:
            raise _refused(f"The setting validation names {name} twice.")
        by_type[name] = _level(wanted)
    return Levels(default or "warn", by_type)


def _level(word: str) -> Level:
    for level in LEVELS:
        if word == level:
            return level
    raise _refused(f"The setting validation holds {word!r}, which is no level.")


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(
        what,
        where="site.toml",
        rule=f"off, warn or reject, then Type=level ({_RULE})",
        next_step='For example: validation = "warn, Patient=reject"',
    )
