"""The code tables between oBDS reports and the MII oncology module, read once from `data/obds-codes.json`.

Pure lookups: a code that a table does not hold gives None or an error, never a guess. Source and version
stand in the data file. Above: `site.ingest.obds` (mapping) and `site.ingest.obds_rules` (admitted values).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson

from mihub.core.fhir import Json

_DATA: Final = "data/obds-codes.json"


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One list of codes.

    `beyond_value_set`: admitted by oBDS, missing in the MII value set, kept as written.
    """

    system: str
    codes: Mapping[str, str]
    broader: Mapping[str, str] = field(default_factory=dict)
    to_2021: Mapping[str, str] = field(default_factory=dict)
    beyond_value_set: tuple[str, ...] = ()

    def coding(self, code: str) -> Json:
        """The FHIR Coding. Raises `KeyError` for an unknown code; callers have checked the value before."""
        return {"system": self.system, "code": code, "display": self.codes[code]}

    def concept(self, code: str) -> Json:
        """The FHIR CodeableConcept with this one coding. Raises as `coding` does."""
        return {"coding": [self.coding(code)]}


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(resources.files("mihub.core.mii").joinpath(_DATA).read_bytes())
    return document


@cache
def table(name: str) -> CodeTable:
    """The table of that name in the data file. Raises `KeyError`."""
    raw = _document()["tables"][name]
    return CodeTable(
        system=raw["system"],
        codes=raw["codes"],
        broader=raw.get("broader", {}),
        to_2021=raw.get("to_2021", {}),
        beyond_value_set=tuple(raw.get("beyond_value_set", ())),
    )


def table_names() -> tuple[str, ...]:
    """All tables of the data file, in its order."""
    return tuple(_document()["tables"])


def topography_site(topography: str) -> Json:
    """The SNOMED CT body structure of an ICD-O-3 topography code; the unspecific root where none is known."""
    sites = _document()["topography_sites"]
    groups = sites["groups"]
    code, display = groups.get(topography) or groups.get(topography[:3]) or sites["unspecified"]
    return {"system": sites["system"], "code": code, "display": display}


def substance_code(name: str) -> str | None:
    """The ATC code of a substance by its German or international name.

    None when the table does not know it.
    """
    code: str | None = _document()["substances"]["names"].get(name.strip().casefold())
    return code


def operation_category(ops: str) -> Json:
    """The SNOMED CT category that the module requires beside an OPS code, by the chapter of the code."""
    categories = _document()["ops_categories"]
    code, display = categories["chapters"].get(ops[:1]) or categories["chapters"]["9"]
    return {"system": categories["system"], "code": code, "display": display}
