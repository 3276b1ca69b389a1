"""A value set ready to be asked: sets of codes where they are few, questions to the code system where they are many.

Says yes, no or unknown with a word why. Built by `members`; pure, safe to read from any thread. Source: R4 ValueSet.compose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from mihub.core.fhir import Resource
from mihub.site.terminology.protocol import CodeSystemProvider, Membership
from mihub.site.terminology.versions import matches

# A value set up to this size becomes one set of codes; a larger one is asked part by part.
LISTED: Final = 20_000
YES: Final = Membership("yes")
NO: Final = Membership("no", "not-in-value-set")
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One include or exclude of one code system. `codes`: all it holds, None when they are asked one by one."""

    system: str
    version: str = ""
    codes: frozenset[str] | None = None
    holds: Callable[[str], bool] | None = None
    # A word when codes that are not found may still be in it: content is missing here.
    doubt: str = ""
    folds: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """An include's parts: a code must be in one of `system_parts` (when given) and in every import."""

    system_parts: tuple[Part, ...]
    imports: tuple[Compiled, ...] = ()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A value set ready to be asked. `listed`: everything, when that is known and small."""

    includes: tuple[Joined, ...] = ()
    excludes: tuple[Joined, ...] = ()
    listed: frozenset[Pair] | None = None
    bare: frozenset[str] = frozenset()
    trouble: Membership | None = None
    # Whether content is missing here that could hold more codes.
    doubtful: bool = False


def asked_part(
    provider: CodeSystemProvider,
    filters: list[tuple[str, str, str]],
    version: str,
    doubt: str,
    folds: Callable[[str], str | None] | None,
) -> Part:
    """The codes of a system that pass the filters: as a set where the system is small, else as a question."""
    size, url = provider.metadata.size, provider.metadata.url
    if size is not None and size <= LISTED:
        codes = provider.filter(*filters[0]) if filters else provider.codes()
        found = frozenset(c for c in codes if all(provider.matches(c, *one) for one in filters[1:]))
        return Part(url, version, found, doubt=doubt, folds=folds)

    def holds(code: str) -> bool:
        normal = provider.normal(code)
        return normal is not None and all(provider.matches(normal, *one) for one in filters)

    return Part(url, version, None, holds, doubt)


def narrowed(part: Part, provider: CodeSystemProvider, active_only: bool, selectable_only: bool) -> Part:
    """Without inactive codes, where the value set leaves them out, and without those that only group others.

    R4 of an abstract code in a value set: it is there to navigate by, "the user cannot select the code directly as a
    proper value" (ValueSet.expansion.contains.abstract). One that the value set names itself stays.
    """
    if not (active_only or selectable_only):
        return part

    def fit(code: str) -> bool:
        concept = provider.concept(code)
        if concept is None:
            return True
        return not (active_only and concept.inactive) and not (selectable_only and concept.abstract)

    if part.codes is not None:
        return replace(part, codes=frozenset(code for code in part.codes if fit(code)))
    holds = part.holds
    return replace(part, holds=lambda code: holds is not None and holds(code) and fit(code))


def ask(compiled: Compiled, system: str, code: str, version: str) -> Membership:
    """Whether it holds the code; a set that is reached by many ways is asked once."""
    return _ask(compiled, (system, code, version), {})


def _ask(compiled: Compiled, asked: tuple[str, str, str], said: dict[int, Membership]) -> Membership:
    if id(compiled) not in said:
        said[id(compiled)] = _decide(compiled, asked, said)
    return said[id(compiled)]


def _decide(compiled: Compiled, asked: tuple[str, str, str], said: dict[int, Membership]) -> Membership:
    if compiled.trouble is not None:
        return compiled.trouble
    system, code, version = asked
    if compiled.listed is not None and not version:
        found = (system, code) in compiled.listed if system else code in compiled.bare
        return YES if found else NO
    inside = _best(_in_joined(one, asked, said) for one in compiled.includes)
    if inside.verdict == "no":
        return NO
    outside = _best(_in_joined(one, asked, said) for one in compiled.excludes)
    if outside.verdict == "yes":
        return NO
    return outside if outside.verdict == "unknown" else inside


def _best(answers: Iterable[Membership]) -> Membership:
    """Yes before unknown before no."""
    best = NO
    for one in answers:
        if one.verdict == "yes":
            return one
        if one.verdict == "unknown":
            best = one
    return best


def _in_joined(joined: Joined, asked: tuple[str, str, str], said: dict[int, Membership]) -> Membership:
    answers = [_in_part(part, *asked) for part in joined.system_parts]
    answers += [_ask(one, asked, said) for one in joined.imports]
    if any(one.verdict == "no" for one in answers) or not answers:
        return NO
    return next((one for one in answers if one.verdict == "unknown"), YES)


def _in_part(part: Part, system: str, code: str, version: str) -> Membership:
    if system and part.system != system:
        return NO
    if version and part.version and not matches(part.version, version):
        return NO
    if part.holds is not None:
        found = part.holds(code)
    else:
        codes = part.codes or frozenset()
        found = code in codes or (part.folds is not None and part.folds(code) in codes)
    if found:
        return YES
    return Membership("unknown", part.doubt, {"system": part.system}) if part.doubt else NO


def _parts(joined: tuple[Joined, ...]) -> Iterator[Part]:
    for one in joined:
        yield from one.system_parts


def troubles(joined: tuple[Joined, ...]) -> Iterator[Membership]:
    """A ring or an unknown import makes the whole value set unsure."""
    for one in joined:
        yield from (inner.trouble for inner in one.imports if inner.trouble is not None)


def doubted(joined: tuple[Joined, ...]) -> bool:
    """Whether content is missing that could hold more codes."""
    return any(part.doubt for part in _parts(joined)) or any(
        i.doubtful for one in joined for i in one.imports
    )


def listed_pairs(compiled: Compiled) -> frozenset[Pair] | None:
    """Everything as pairs, or None when it can not be listed, is unsure, or is large."""
    inside = _pairs(compiled.includes)
    outside = _pairs(compiled.excludes)
    if inside is None or outside is None or len(inside) > LISTED:
        return None
    return frozenset(inside - outside)


def _pairs(joined: tuple[Joined, ...]) -> set[Pair] | None:
    found: set[Pair] = set()
    for one in joined:
        sets: list[frozenset[Pair]] = []
        for part in one.system_parts:
            if part.codes is None or part.doubt or part.folds is not None:
                return None
            sets.append(frozenset((part.system, code) for code in part.codes))
        for inner in one.imports:
            if inner.listed is None:
                return None
            sets.append(inner.listed)
        if sets:
            found |= frozenset.intersection(*sets)
    return found


def stored_pairs(resource: Resource) -> frozenset[Pair] | None:
    """The codes of an expansion that came with the value set, when it says it has all of them."""
    expansion = resource.get("expansion") or {}
    found: set[Pair] = set()
    stack = list(expansion.get("contains") or [])
    while stack:
        one = stack.pop()
        stack.extend(one.get("contains") or [])
        if one.get("code") and not one.get("abstract"):
            found.add((one.get("system", ""), one["code"]))
    total = expansion.get("total")
    unclosed = any(
        str(one.get("url", "")).endswith("valueset-unclosed") for one in expansion.get("extension") or []
    )
    complete = not unclosed and not (isinstance(total, int) and total > len(found))
    return frozenset(found) if found and complete else None
