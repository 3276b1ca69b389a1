"""Derive the packaged table of UCUM units from the publisher's ucum-essence.xml.

Keeps code, definition value and unit of every unit, as section 7 of UCUM's licence asks of a program that incorporates
a portion of the table, with name and property; leaves out print symbols and the case-insensitive codes. Never runs at
install or run time. Usage: build_ucum_table.py ucum-essence.xml
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

_TARGET = Path(__file__).parents[1] / "src/mihub/core/fhir/ucum/third_party/ucum.tsv"
_SPACE = "{http://unitsofmeasure.org/ucum-essence}"
_COLUMNS = ("kind", "code", "metric", "arbitrary", "function", "value", "unit", "name", "property")


def main(source: Path) -> None:
    """Write the table; equal input gives equal bytes."""
    root = etree.parse(source).getroot()
    version = f"{root.get('version')} of {root.get('revision-date')}"
    lines = [
        f"# The UCUM table, version {version}, https://ucum.org: every prefix, base unit and unit.",
        "# See UCUM_short_license.txt beside this file.",
        "\t".join(_COLUMNS),
        *("\t".join(row) for row in rows(root)),
    ]
    _TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(root: Any) -> Iterator[tuple[str, ...]]:
    """One row for each prefix, base unit and unit, in the order of the file."""
    for node in root:
        kind = str(node.tag).removeprefix(_SPACE)
        value = node.find(f"{_SPACE}value")
        function = None if value is None else value.find(f"{_SPACE}function")
        defined = value if function is None else function
        yield (
            kind,
            node.get("Code"),
            _flag(kind == "base-unit" or node.get("isMetric") == "yes"),
            _flag(node.get("isArbitrary") == "yes"),
            "" if function is None else function.get("name"),
            "" if defined is None else defined.get("value"),
            "" if defined is None else defined.get("Unit", ""),
            _text(node, "name"),
            _text(node, "property"),
        )


def _flag(value: bool) -> str:
    return "yes" if value else ""


def _text(node: Any, name: str) -> str:
    found = node.find(f"{_SPACE}{name}")
    return "" if found is None else " ".join("".join(found.itertext()).split())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
