"""The code systems whose publishers' files are read: canonical address, aliases, rank in searches, and the notice to show.

Facts and notices stand in `content/code_lists/systems.yaml`, never in code. Above: the parsers, `store`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import yaml

from mihub.errors import NotSupported
from mihub.site.terminology.lists.entry import Head, Kind, PropertyKind

# A site's own lists come before those in English, the code systems of packages last.
_OWN_RANK: Final = 6
_PACKAGE_RANK: Final = 30


@dataclass(frozen=True, slots=True)
class System:
    """One code system as its publisher offers it. `rank`: smaller comes first in searches."""

    key: str
    url: str
    aliases: tuple[str, ...]
    title: str
    publisher: str
    language: str
    hierarchy: str
    case_sensitive: bool
    rank: int
    notice: str
    kind: Kind
    leads_to: str

    def head(self, version: str, file_names: str, properties: tuple[PropertyKind, ...] = ()) -> Head:
        """The head of one version of it."""
        target = systems()[self.leads_to].url if self.leads_to else ""
        return Head(
            url=self.url,
            version=version,
            title=self.title,
            key=self.key,
            language=self.language,
            notice=self.notice.replace("{year}", version),
            publisher=self.publisher,
            kind=self.kind,
            hierarchy=self.hierarchy,
            case_sensitive=self.case_sensitive,
            leads_to=target,
            files=file_names,
            properties=properties,
        )


@lru_cache(maxsize=1)
def systems() -> Mapping[str, System]:
    """All by short name."""
    text = files("mihub.content.code_lists").joinpath("systems.yaml").read_text(encoding="utf-8")
    return {key: _system(key, body) for key, body in yaml.safe_load(text)["systems"].items()}


def _system(key: str, body: dict[str, Any]) -> System:
    return System(
        key=key,
        url=body["url"],
        aliases=tuple(body["aliases"]),
        title=body["title"],
        publisher=body["publisher"],
        language=body["language"],
        hierarchy=body["hierarchy"],
        case_sensitive=body["case_sensitive"],
        rank=body["rank"],
        notice=body["notice"],
        kind=body.get("kind", "codes"),
        leads_to=body.get("leads_to", ""),
    )


def canonical(system: str) -> str:
    """The address under which a system is kept: from its short name, an alias or the address itself."""
    known = systems().get(system)
    if known is not None:
        return known.url
    return next((one.url for one in systems().values() if system in one.aliases), system)


def aliases(url: str) -> tuple[str, ...]:
    """Other addresses of the system at `url`."""
    return next((one.aliases for one in systems().values() if one.url == url and one.aliases), ())


def rank(key: str, kind: Kind) -> int:
    """The place of a list in searches."""
    known = systems().get(key)
    return known.rank if known else _PACKAGE_RANK if kind == "definitions" else _OWN_RANK


def by_name(key: str) -> System:
    """The system with this short name. Raises `NotSupported` with all short names."""
    known = systems().get(key)
    if known is None:
        raise NotSupported(
            f"There is no code system {key!r} among those whose files are read.",
            rule=f"one of {', '.join(systems())}",
            next_step="Name one of them, or the full address of the site's own code system.",
        )
    return known
