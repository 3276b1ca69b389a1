"""Code systems that are a grammar and not a list: MIME types, language tags, units of measure.

A code is in them when it is well formed (UCUM: when every atom exists). Nobody can list them; what R4's own value sets list of
them gives displays. Source: https://hl7.org/fhir/R4/terminologies-systems.html, RFC 6838, RFC 5646, https://ucum.org.
Above: `built_in`. Below: `core.fhir.ucum` through a Protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import regex

from mihub.core.fhir import Json
from mihub.errors import TooLarge
from mihub.site.terminology.patterns import whole
from mihub.site.terminology.protocol import Concept, Designation, FilterRefused, Metadata

MIME_TYPES: Final = "urn:ietf:bcp:13"
LANGUAGES: Final = "urn:ietf:bcp:47"
UCUM: Final = "http://unitsofmeasure.org"

_NAME: Final = r"[A-Za-z0-9!#$&\-^_.+]{1,127}"
_MIME: Final = regex.compile(
    rf"(application|audio|font|haptics|image|message|model|multipart|text|video|example|chemical|x-{_NAME})/{_NAME}"
    rf'(\s*;\s*{_NAME}=({_NAME}|"[^"\\]*"))*'
)
_LANGUAGE: Final = regex.compile(
    r"([A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}|[A-Za-z]{4}|[A-Za-z]{5,8})(-[A-Za-z]{4})?(-([A-Za-z]{2}|\d{3}))?"
    r"(-([A-Za-z0-9]{5,8}|\d[A-Za-z0-9]{3}))*(-[0-9A-WY-Za-wy-z](-[A-Za-z0-9]{2,8})+)*(-x(-[A-Za-z0-9]{1,8})+)?"
    r"|x(-[A-Za-z0-9]{1,8})+|i-[a-z]{2,8}"
)


class Units(Protocol):
    """What this room needs to know of units."""

    def is_valid(self, code: str) -> bool: ...

    def canonical(self, code: str) -> str:
        """The unit in base units, "" when it has none."""
        ...


class Grammar:
    """Implements `CodeSystemProvider` for a language of codes. `listed`: concepts that have displays, by code."""

    supplements: tuple[str, ...] = ()

    def __init__(
        self,
        metadata: Metadata,
        accepts: Callable[[str], bool],
        listed: Mapping[str, Json] | None = None,
        canonical: Callable[[str], str] | None = None,
    ) -> None:
        self._metadata = metadata
        self._accepts = accepts
        self._listed = listed if listed is not None else {}
        self._canonical = canonical

    @property
    def metadata(self) -> Metadata:
        return self._metadata

    def normal(self, code: str) -> str | None:
        return code if code in self._listed or self._accepts(code) else None

    def concept(self, code: str) -> Concept | None:
        if self.normal(code) is None:
            return None
        known = self._listed.get(code, {})
        designations = tuple(
            Designation(one["value"], one.get("language", ""), one.get("use"))
            for one in known.get("designation") or []
        )
        return Concept(code, known.get("display") or code, designations=designations)

    def parents(self, code: str) -> Sequence[str]:
        return ()

    def children(self, code: str) -> Sequence[str]:
        return ()

    def roots(self) -> Sequence[str]:
        return ()

    def codes(self) -> Iterator[str]:
        raise TooLarge("Nobody can list all codes of this code system.", where=self._metadata.url)

    @property
    def common(self) -> Sequence[str]:
        """The codes that are listed, for who wants to see some of them."""
        return tuple(self._listed)

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        return ancestor == descendant

    def filter(self, name: str, op: str, value: str) -> Iterable[str]:
        """Among the listed ones only where that is all: a single code."""
        if name in ("code", "concept") and op in ("=", "in"):
            codes = value.split(",") if op == "in" else [value]
            return [code for code in codes if self.normal(code) is not None]
        self._test(name, op, value)
        return self.codes()

    def matches(self, code: str, name: str, op: str, value: str) -> bool:
        return self.normal(code) is not None and self._test(name, op, value)(code)

    def _test(self, name: str, op: str, value: str) -> Callable[[str], bool]:
        if name in ("code", "concept"):
            if op == "=":
                return lambda code: code == value
            if op == "in":
                return set(value.split(",")).__contains__
            if op == "regex":
                return whole(value)
        canonical = self._canonical
        if name == "canonical" and op == "=" and canonical is not None:
            wanted = canonical(value) or value
            return lambda code: canonical(code) == wanted
        raise FilterRefused("This code system has no such filter.", where=f"filter {name} {op}")

    def search(self, text: str) -> Iterable[str]:
        words = text.casefold().split()
        for code, known in self._listed.items():
            texts = [code, known.get("display", ""), *(d["value"] for d in known.get("designation") or [])]
            if any(all(word in one.casefold() for word in words) for one in texts):
                yield code


def mime_types(listed: Mapping[str, Json] | None = None) -> Grammar:
    """urn:ietf:bcp:13."""
    meta = Metadata(MIME_TYPES, name="MimeTypes", title="MIME types (BCP 13)", size=None, status="active")
    return Grammar(meta, lambda code: _MIME.fullmatch(code, timeout=0.1) is not None, listed)


def languages(listed: Mapping[str, Json] | None = None) -> Grammar:
    """urn:ietf:bcp:47."""
    meta = Metadata(
        LANGUAGES, name="LanguageTags", title="Language tags (BCP 47)", size=None, status="active"
    )
    return Grammar(meta, lambda code: _LANGUAGE.fullmatch(code, timeout=0.1) is not None, listed)


def units(known: Units, listed: Mapping[str, Json] | None = None) -> Grammar:
    """http://unitsofmeasure.org."""
    meta = Metadata(UCUM, name="UCUM", title="Unified Code for Units of Measure", size=None, status="active")
    return Grammar(meta, known.is_valid, listed, known.canonical)
