"""Two snapshots of one profile, element by element, in what a validator reads.

Two readings: to the letter, and by meaning. By meaning the same are: a canonical with and without its version; the
rules of an element's own type repeated on the element or not; extensions sliced by url, said or not; an element's
content named in this structure or in the one it comes from; false and absent. Texts are not compared: R4 core comes
without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.definitions.snapshot.walk import Structures, types_of

_PLAIN: Final = ("min", "max", "maxLength", "contentReference", "sliceName")
_VALUES: Final = ("fixed", "pattern", "minValue", "maxValue")
_TRUTHS: Final = ("mustSupport", "isModifier")
_BY_URL: Final = (("value", "url"),)

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One property of one element. `ours`, `theirs`: None where the element does not say it."""

    element: str
    property: str
    ours: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """One profile. `literal`, `same`: elements equal to the letter, and by meaning."""

    elements: int
    literal: int
    same: int
    differences: tuple[Difference, ...]


class Comparer:
    """Compares snapshots; knows the rules of types."""

    def __init__(self, definitions: Definitions) -> None:
        self._structures = Structures(definitions)

    def compare(self, ours: list[Json], theirs: list[Json]) -> Comparison:
        """All elements of both."""
        mine, published = {e["id"]: e for e in ours}, {e["id"]: e for e in theirs}
        ids = list(dict.fromkeys([*published, *mine]))
        differing = [self._element(i, mine.get(i), published.get(i)) for i in ids]
        found = [d for each in differing for d in each]
        if [i for i in mine if i in published] != [i for i in published if i in mine]:
            found.append(Difference(ids[0], "order", None, None))
        literal = sum(i in mine and i in published and facts(mine[i]) == facts(published[i]) for i in ids)
        return Comparison(len(ids), literal, len(ids) - sum(map(bool, differing)), tuple(found))

    def _element(self, identity: str, mine: Json | None, published: Json | None) -> list[Difference]:
        if mine is None or published is None:
            return [Difference(identity, "element", mine is not None or None, published is not None or None)]
        one, other = self._meaning(mine), self._meaning(published)
        keys = sorted(k for k in {**one, **other} if one.get(k) != other.get(k))
        return [Difference(identity, key, one.get(key), other.get(key)) for key in keys]

    def _meaning(self, element: Json) -> Facts:
        rules = self._rules(element)
        said = facts(element)
        found = {key: _unpinned(value) for key, value in said.items()}
        constraints = set(said.get("constraint", ())) - {c["key"] for c in rules.get("constraint", ())}
        found["constraint"] = sorted(constraints)
        if "binding" in rules and found.get("binding") == _unpinned(_binding(rules["binding"])):
            del found["binding"]
        if "contentReference" in found:
            found["contentReference"] = found["contentReference"].partition("#")[2]
        slicing = said.get("slicing")
        extension = element["path"].endswith(("extension", "modifierExtension"))
        if extension and slicing and slicing["rules"] == "open" and slicing["discriminator"] == _BY_URL:
            del found["slicing"]
        return {k: v for k, v in found.items() if v not in ([], None)}

    def _rules(self, element: Json) -> Json:
        """What the element's types say of each instance."""
        types = types_of(element)
        if not types and "contentReference" in element:
            types = [{"code": "BackboneElement"}]
        constraints: list[Json] = []
        binding: Json = {}
        for kind in types:
            for name in (
                *kind.get("profile", ()),
                f"http://hl7.org/fhir/StructureDefinition/{kind.get('code')}",
            ):
                root = self._structures.root_element(name)
                constraints += root.get("constraint", [])
                if len(types) == 1 and "binding" in root:
                    binding = {"binding": root["binding"]}
        return {"constraint": constraints, **binding}


def facts(element: Json) -> Facts:
    """What a validator reads of an element, in a form that compares."""
    found: Facts = {k: element[k] for k in element if k in _PLAIN or k.startswith(_VALUES)}
    found.update({k: True for k in _TRUTHS if element.get(k) is True})
    if "type" in element:
        found["type"] = sorted(map(_type, element["type"]))
    if "binding" in element:
        found["binding"] = _binding(element["binding"])
    if element.get("constraint"):
        found["constraint"] = sorted({c["key"] for c in element["constraint"]})
    if "slicing" in element:
        found["slicing"] = _slicing(element["slicing"])
    return found


def _type(kind: Json) -> tuple[Any, ...]:
    many = (tuple(sorted(kind.get(key, ()))) for key in ("profile", "targetProfile", "aggregation"))
    return (kind.get("code"), *many)


def _binding(binding: Json) -> tuple[str, str]:
    return str(binding.get("strength", "")), str(binding.get("valueSet", ""))


def _slicing(slicing: Json) -> Json:
    by = tuple((d.get("type"), d.get("path")) for d in slicing.get("discriminator", ()))
    return {"rules": slicing.get("rules"), "ordered": bool(slicing.get("ordered")), "discriminator": by}


def _unpinned(value: Any) -> Any:
    """The same without versions of canonicals."""
    if isinstance(value, str):
        return value.partition("|")[0] if value.startswith(("http://", "https://")) else value
    if isinstance(value, tuple):
        return tuple(_in_order(map(_unpinned, value)))
    return _in_order(map(_unpinned, value)) if isinstance(value, list) else value


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Sorted again where they were sorted by texts that have changed; a tuple of parts keeps its order."""
    listed = list(values)
    return sorted(listed) if all(isinstance(v, str) and v.startswith("http") for v in listed) else listed
