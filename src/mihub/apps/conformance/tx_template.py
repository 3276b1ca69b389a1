"""Comparing an answer with an expected one that is a template: `$optional$`, `$uuid$`, `$external:1:...$` and the rest.

The template language is the suite's own. Property order and array order do not matter; an array of objects matches when
each expected one finds an answer of its own. `location` is never compared: R4 and R5 deprecate it for `expression`.
Above: `terminology`. Source: HL7 terminology ecosystem IG, its tests' readme.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import regex

_MOMENT: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
_TYPES: Final = {
    "instant": _MOMENT,
    "date": rf"\d{{4}}-\d\d-\d\d|{_MOMENT}",
    "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "id": r"[A-Za-z0-9.\-]{1,64}",
    "url": r"(https?://|www\.)\S+",
    "token": r"[0-9a-zA-Z_][0-9a-zA-Z_.\-]*",
    "string": r"\S(.*\S)?",
    "semver": r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.\-]+)?(\+[0-9A-Za-z.\-]+)?",
    "version": r".*",
    "": r"(?s:.*)",
}
_NEVER: Final = frozenset({"location", "diagnostics"})
_MARKS: Final = frozenset({"$optional$", "$optional-properties$", "$count-arrays$", "$optional", "$only$"})


class Template:
    """One comparison under the modes that are on; `loose` lets an answer hold more."""

    def __init__(
        self, modes: frozenset[str] = frozenset(), *, loose: bool = False, exact: bool = False
    ) -> None:
        self._modes = modes
        self._loose = loose
        # The suite's runner takes texts as equal that differ in blanks or punctuation (it compares what base64 would decode), and
        # some of its expected texts contradict each other without that.
        self._exact = exact

    def difference(self, expected: Any, actual: Any, path: str = "") -> str:
        """Where and how the answer differs, "" when it does not."""
        if isinstance(expected, dict):
            if not isinstance(actual, dict):
                return f"{path}: expected an object"
            return self._object(expected, actual, path)
        if isinstance(expected, list):
            if not isinstance(actual, list):
                return f"{path}: expected a list"
            return self._array(expected, actual, path)
        if isinstance(expected, str) and isinstance(actual, str):
            return "" if self._text(expected, actual) else f"{path}: expected {expected!r}, is {actual!r}"
        if isinstance(expected, bool) or isinstance(actual, bool):
            return "" if expected is actual else f"{path}: expected {expected!r}, is {actual!r}"
        return "" if expected == actual else f"{path}: expected {expected!r}, is {actual!r}"

    def _object(self, expected: dict[str, Any], actual: dict[str, Any], path: str) -> str:
        optional = set(expected.get("$optional-properties$") or ())
        counted = set(expected.get("$count-arrays$") or ())
        for name in actual:
            if name not in expected and name not in optional | _NEVER and not self._loose:
                return f"{path}.{name}: unexpected"
        for name, wanted in expected.items():
            if name in _MARKS or name in _NEVER:
                continue
            if name not in actual:
                if name in optional or "*" in optional or self._all_optional(wanted):
                    continue
                return f"{path}.{name}: missing"
            if name in counted:
                if len(actual[name]) != len(wanted):
                    return f"{path}.{name}: expected {len(wanted)} items, are {len(actual[name])}"
                continue
            found = self.difference(wanted, actual[name], f"{path}.{name}")
            if found:
                return found
        return ""

    def _all_optional(self, wanted: Any) -> bool:
        return isinstance(wanted, list) and all(self.is_optional(one) for one in wanted)

    def is_optional(self, wanted: Any) -> bool:
        """Whether an item of an array may be missing."""
        mark = wanted.get("$optional$") if isinstance(wanted, dict) else None
        if isinstance(mark, bool) or mark is None:
            return bool(mark)
        if mark.startswith("!"):
            return mark[1:] not in self._modes
        if mark.startswith("warning:"):
            return True
        # What only one version of FHIR says may be missing in ours.
        return mark.startswith("version:") or mark in self._modes

    def _array(self, expected: list[Any], actual: list[Any], path: str) -> str:
        """Each expected item takes the first answer that fits; what must be there is served before what may."""
        left = list(enumerate(actual))
        ordered = sorted(enumerate(expected), key=lambda item: self.is_optional(item[1]))
        for place, wanted in ordered:
            here = f"{path}[{place}]"
            differences: list[str] = []
            for one in left:
                found = self.difference(wanted, one[1], here)
                if not found:
                    left.remove(one)
                    break
                differences.append(found)
            else:
                if not self.is_optional(wanted):
                    return self._nearest(wanted, left, here, differences)
        if left and not self._loose:
            return f"{path}: unexpected item {_brief(left[0][1])}"
        return ""

    def _nearest(self, wanted: Any, left: list[tuple[int, Any]], here: str, differences: list[str]) -> str:
        """Of all the misses the one of the item that was most likely meant."""
        names = [name for name in ("name", "code", "url") if isinstance(wanted, dict) and name in wanted]
        for (_, one), found in zip(left, differences, strict=True):
            if names and isinstance(one, dict) and all(one.get(name) == wanted[name] for name in names):
                return found
        if len(differences) == 1:
            return differences[0]
        return f"{here}: no item like {_brief(wanted)}"

    def _text(self, expected: str, actual: str) -> bool:
        if expected.startswith("$") and expected.endswith("$") and len(expected) > 1:
            return _matcher(expected[1:-1])(actual)
        if "$version$" in expected:
            before, _, after = expected.partition("$version$")
            return actual.startswith(before) and actual.endswith(after)
        return expected == actual or (not self._exact and _letters(expected) == _letters(actual))


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isalnum() or one in "+/")


def _matcher(mark: str) -> Callable[[str], bool]:
    kind, _, rest = mark.partition(":")
    if kind == "choice":
        return lambda text: text in rest.split("|")
    if kind == "fragments":
        return _holds(rest)
    if kind == "external":
        # The suite's runner splits at every colon: of an address only its scheme is looked for.
        return _holds(rest.partition(":")[2].partition(":")[0])
    pattern = regex.compile(_TYPES[kind])
    return lambda text: pattern.fullmatch(text) is not None


def _holds(fragments: str) -> Callable[[str], bool]:
    wanted = [one.casefold() for one in fragments.split("|") if one]
    return lambda text: all(one in text.casefold() for one in wanted)


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) < 200 else f"{text[:197]}..."
