"""Where views come from: shipped with MiHUB, by name, or in the site's FHIR packages, by canonical URL.

The shipped ones are files of `mihub/content/views`, each with source, version and approver. Never fetches anything.
Above: `site.api`, `apps`. Below: packages' `Definitions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from mihub.core.fhir.definitions.protocol import Definitions
from mihub.errors import NotFound

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FOLDER: Final = "views"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A view that comes with MiHUB. `approver` None: nobody has approved it yet."""

    name: str
    version: str
    title: dict[str, str]
    source: dict[str, str]
    approver: str | None
    verified: bool
    document: dict[str, Any]


@cache
def shipped() -> dict[str, Shipped]:
    """All shipped views by name."""
    folder = resources.files("mihub.content").joinpath(_FOLDER)
    files = sorted(one.name for one in folder.iterdir() if one.name.endswith(".yaml"))
    views = [_shipped(yaml.safe_load(folder.joinpath(name).read_text(encoding="utf-8"))) for name in files]
    return {view.name: view for view in views}


def find(reference: str, definitions: Definitions | None = None) -> dict[str, Any]:
    """The ViewDefinition of a name, a relative reference or a canonical URL. Raises `NotFound`."""
    name = reference.removeprefix("ViewDefinition/")
    if _NAME.fullmatch(name) and name in shipped():
        return shipped()[name].document
    url, _, version = reference.partition("|")
    for view in shipped().values():
        if view.document.get("url") == url and version in ("", view.version):
            return view.document
    found = definitions.find(reference, "ViewDefinition") if definitions is not None and ":" in url else None
    if found is None:
        raise NotFound(
            "There is no such ViewDefinition.",
            rule="a name of a shipped view, or the canonical URL of one in the site's packages",
            next_step="Send the ViewDefinition itself, or load its package (mihub packages add).",
        )
    return dict(found.resource)


def _shipped(content: dict[str, Any]) -> Shipped:
    return Shipped(
        name=content["id"],
        version=str(content["version"]),
        title=content["title"],
        source=content["source"],
        approver=content["approver"],
        verified=content["verified"],
        document=content["view"],
    )
