"""A TNM classification: one Observation for the formula and one for each category and symbol, each with its
edition.

The edition is kept with every value and nothing is converted. A category that the MII value set does not hold
(TNM 9) is kept as written. Profiles: mii-pr-onko-tnm-* 2025.1.0. Above: `findings`. Below: `report`,
`core.mii`.
"""

from __future__ import annotations

import re
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import LOINC, SNOMED, oncology_extension
from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, coded, reference

# Category letter -> SNOMED CT codes: without prefix, clinical, pathological.
_CATEGORIES: Final = {
    "T": ("78873005", "399504009", "384625004"),
    "N": ("277206009", "399534004", "371494008"),
    "M": ("277208005", "399387003", "371497001"),
}
_INVASIONS: Final = {"L": "395715009", "V": "371493002", "Pn": "371513001", "S": "399424006"}
# Symbol -> LOINC of the observation, SNOMED CT of the answer.
_SYMBOLS: Final = {
    "y": ("101658-3", "421755005"),
    "r": ("101659-1", "421188008"),
    "a": ("101660-9", "421426001"),
}
_GROUPS: Final = {
    "c": ("399537006", "Clinical TNM stage grouping"),
    "p": ("399588009", "Pathologic TNM stage grouping"),
    "": ("399390009", "TNM stage grouping"),
}
_SUFFIX: Final = re.compile(r"\(([^()]*)\)$")


def add_tnm(report: Report, node: Node) -> None:
    """The Observations of one cTNM, pTNM or TNM element."""
    key = (node.name, node.attribute("ID"))
    members = [_category(report, node, letter, key) for letter in _CATEGORIES if node.value(letter)]
    members += [_invasion(report, node, name, key) for name in _INVASIONS if node.value(name)]
    members += [_symbol(report, node, symbol, key) for symbol in _SYMBOLS if node.value(f"{symbol}_Symbol")]
    members += [_multiple(report, node, key)] if node.value("m_Symbol") else []
    code, display = _GROUPS[_kind(node)]
    formula = report.observation("tnm", *key, profile="tnm-klassifikation", code=coded(SNOMED, code, display))
    report.dated(formula, node.first("Datum"))
    if node.value("UICC_Stadium"):
        formula["valueCodeableConcept"] = table("uicc-stage").concept(node.value("UICC_Stadium"))
    _edition(formula, node)
    if members:
        formula["hasMember"] = [reference(member) for member in members]


def _kind(node: Node) -> str:
    """Clinical or pathological: by the element's name, else by the prefixes of its categories."""
    if node.name != "TNM":
        return node.name[0]
    prefixes = {node.value(f"c_p_u_Praefix_{letter}") for letter in _CATEGORIES} - {""}
    if not prefixes:
        return ""
    return "p" if "p" in prefixes else "c"


def _edition(observation: Resource, node: Node) -> None:
    if node.value("Version"):
        observation["method"] = table("tnm-version").concept(node.value("Version"))


def _category(report: Report, node: Node, letter: str, key: tuple[str, str]) -> Resource:
    prefix = node.value(f"c_p_u_Praefix_{letter}")
    plain, clinical, pathological = _CATEGORIES[letter]
    snomed = plain if not prefix else pathological if prefix == "p" else clinical
    code = coded(SNOMED, snomed, f"{'p' if prefix == 'p' else 'c' if prefix else ''}{letter} category")
    if prefix:
        code["extension"] = [
            {
                "url": oncology_extension("tnm-cp-praefix"),
                "valueCodeableConcept": table("tnm-prefix").concept(prefix),
            }
        ]
    observation = report.observation(
        f"tnm-{letter.lower()}", *key, profile=f"tnm-{letter.lower()}-kategorie", code=code
    )
    report.dated(observation, node.first("Datum"))
    observation["valueCodeableConcept"] = category_value(letter, node.value(letter))
    _edition(observation, node)
    return observation


def category_value(letter: str, written: str) -> Json:
    """The value of a category: its code, suffixes as extensions; what no table knows is kept as written."""
    codes = table(f"tnm-{letter.lower()}")
    rest, suffixes = f"{letter}{written.replace(' ', '')}", []
    while rest not in codes.codes:
        suffix = _SUFFIX.search(rest)
        if suffix is None:
            break
        suffixes.append(suffix[1])
        rest = rest[: suffix.start()]
        if suffix[1] == "mi" and f"{rest}mi" in codes.codes:
            rest = f"{rest}mi"
    value: Json = {"coding": [{"system": codes.system, "code": rest, "display": codes.codes.get(rest, rest)}]}
    extensions = [
        extension for suffix in reversed(suffixes) for extension in _suffix_extension(letter, suffix)
    ]
    if extensions:
        value["extension"] = extensions
    if suffixes or rest not in codes.codes:
        value["text"] = f"{letter}{written}"
    return value


def _suffix_extension(letter: str, suffix: str) -> list[Json]:
    if letter == "N" and suffix in table("tnm-sentinel").codes:
        value = table("tnm-sentinel").concept(suffix)
        return [{"url": oncology_extension("tnm-sn-suffix"), "valueCodeableConcept": value}]
    if letter in "NM" and suffix in table("tnm-itc").codes:
        value = table("tnm-itc").concept(suffix)
        return [{"url": oncology_extension("tnm-itc-suffix"), "valueCodeableConcept": value}]
    return []


def _invasion(report: Report, node: Node, name: str, key: tuple[str, str]) -> Resource:
    code = coded(SNOMED, _INVASIONS[name])
    kind = f"tnm-{name.lower()}"
    observation = report.observation(kind, *key, profile=f"{kind}-kategorie", code=code)
    report.dated(observation, node.first("Datum"))
    observation["valueCodeableConcept"] = table(kind).concept(node.value(name))
    _edition(observation, node)
    return observation


def _symbol(report: Report, node: Node, symbol: str, key: tuple[str, str]) -> Resource:
    loinc, snomed = _SYMBOLS[symbol]
    observation = report.observation(
        f"tnm-{symbol}-symbol", *key, profile=f"tnm-{symbol}-symbol", code=coded(LOINC, loinc)
    )
    report.dated(observation, node.first("Datum"))
    observation["valueCodeableConcept"] = coded(SNOMED, snomed)
    return observation


def _multiple(report: Report, node: Node, key: tuple[str, str]) -> Resource:
    observation = report.observation(
        "tnm-m-symbol", *key, profile="tnm-m-symbol", code=coded(LOINC, "42030-7")
    )
    report.dated(observation, node.first("Datum"))
    written = node.value("m_Symbol")
    count = written.partition(",")[0]
    known = table("tnm-multiple")
    if count in known.codes:
        observation["valueCodeableConcept"] = known.concept(count)
    if count not in known.codes or count != written:
        observation.setdefault("valueCodeableConcept", {})["text"] = f"({written})"
    return observation
