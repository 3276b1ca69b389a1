"""What a real site makes of other people's data: an account for each file, a pass table for their searches.

`python -m tests.conformance.fixture_accounts` writes docs/reference/fixtures.md; the test beside it holds that
page to what it measures.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import yaml
from lxml import etree

from mihub.apps.open_site import OpenSite
from mihub.database.embedded import Embedded
from tests.real_site import in_process, real_site, sign, system

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "fixtures.md"
SEARCHES = "mii-testdata/search-parameter-tests.yaml"
# Folder of the shared data -> whose it is. Everything there is tried, whatever it is.
SOURCES = {
    "mii-testdata/bundles": "MII test data 2026.0.0-rc.2",
    "obds/bzkf": "oBDS 3 test files of BZKF",
    "obds/samply": "oBDS and ADT test files of Samply",
    "torch": "TORCH: resources, broken ones, CRTDL",
    "fhirpath": "FHIRPath suite and R4 examples",
    "fhir-test-cases": "FHIR patch and GraphQL cases",
    "sql-on-fhir": "SQL on FHIR cases",
    "mihub": "MiHUB data elements, pathways, query broker",
    "crtdl": "CRTDL examples",
    "ccdl": "CCDL examples",
}
_VERSION = re.compile(r"3\.0\.\d+")
_OBDS = "{http://www.basisdatensatz.de/oBDS/XML}"


@dataclass(frozen=True, slots=True)
class Account:
    """One file: how many records an independent reading finds in it, and what the import says."""

    file: str
    counted: int
    loaded: int
    rejected: int
    changed_again: int
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One search: `wanted` ids and totals hold, or the sentence why not."""

    query: str
    status: int
    total: int
    fault: str


def counted(path: Path) -> int:
    """How many records stand in a file, read without the importer."""
    content = path.read_bytes()
    if path.suffix == ".xml":
        root = etree.fromstring(content)
        is_obds = root.tag == f"{_OBDS}oBDS" and _VERSION.fullmatch(root.get("Schema_Version", ""))
        return len(root.findall(f".//{_OBDS}Meldung")) or 1 if is_obds else 1
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return 1
    if isinstance(document, dict) and document.get("resourceType") == "Bundle":
        return max(1, len(document.get("entry", [])))
    return 1


def account_of(site: OpenSite, path: Path, shown: str) -> Account:
    """Import a file, and import it again at once."""
    report = site.importer().run([path])
    again = site.importer().run([path])
    changed = sum(count for effect, count in again.resources.items() if effect != "unchanged")
    assert (again.loaded, again.rejected) == (report.loaded, report.rejected), shown
    return Account(
        shown,
        counted(path),
        report.loaded,
        report.rejected,
        changed,
        tuple((reason.reason, reason.rule) for reason in report.all_reasons()),
    )


def accounts(site: OpenSite, data: Path) -> dict[str, list[Account]]:
    """By source, every file below it."""
    return {
        source: [
            account_of(site, path, path.relative_to(data).as_posix())
            for path in sorted((data / source).rglob("*"))
            if path.is_file()
        ]
        for source in SOURCES
    }


def searches(data: Path) -> list[dict[str, Any]]:
    """The searches of the MII test data."""
    listed = yaml.safe_load((data / SEARCHES).read_text(encoding="utf-8"))["tests"]
    assert isinstance(listed, list)
    return listed


def outcomes(site: OpenSite, tests: list[dict[str, Any]]) -> list[Outcome]:
    """Ask each search over the site's API, as a program of the same organisation."""

    async def ask() -> list[Outcome]:
        async with in_process(site, "/fhir") as http:
            return [await _outcome(http, site, test) for test in tests]

    return asyncio.run(ask())


async def _outcome(http: httpx.AsyncClient, site: OpenSite, test: dict[str, Any]) -> Outcome:
    base, _, query = str(test["query"]).partition("?")
    headers = {"Authorization": f"Bearer {sign(system(site.member), site.member)}"}
    answer = await http.get(f"{base}?{quote(query, safe='=&')}&_count=1000", headers=headers)
    document = answer.json()
    if answer.status_code != 200:
        return Outcome(test["query"], answer.status_code, 0, document["issue"][0]["details"]["text"])
    found = {entry["resource"]["id"] for entry in document.get("entry", [])}
    expected, total = test["expected"], int(document["total"])
    missing = sorted(set(expected.get("contains_id", [])) - found)
    fault = f"misses {', '.join(missing)}" if missing else ""
    fewer = "finds fewer than expected" if total < expected["min_total"] else ""
    assert total == len(document.get("entry", [])), "the total is what the page shows when all fit on it"
    return Outcome(test["query"], 200, total, fault or fewer)


def page(found: dict[str, list[Account]], asked: list[Outcome]) -> str:
    """The reference page."""
    passed = sum(not one.fault for one in asked)
    lines = [
        "# Fixtures: other people's data",
        "",
        "Measured by `tests/conformance/test_fixture_accounts.py` on a real site (PostgreSQL, FHIR API) and held to this",
        "page by that test. Write it anew with `python -m tests.conformance.fixture_accounts`.",
        "",
        "## Import",
        "",
        "Every file of each source is given to the import one by one, whatever it is; loaded + rejected = read holds for",
        "each, compared with an independent count of the records in the file. Given again, no file changes anything.",
        "",
        "| Source | Files | Read | Loaded | Rejected | Changed by the second import |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(_source_row(source, listed) for source, listed in found.items()),
        "",
        "Why records are rejected, most frequent first:",
        "",
        "| Rule | Reasons |",
        "| --- | ---: |",
        *(f"| {rule} | {count} |" for rule, count in _rules(found)),
        "",
        "- oBDS: the files named `ADT2` are of the generation before oBDS 3; the rejected reports of",
        "  `File-4-oBDS_Testpatient.xml` and `Test_ST_Invalid_Applikationsart.xml` break the oBDS 3.0 schema, as some of them",
        "  are meant to; `Testpatient_leer.xml` leaves mandatory elements empty;",
        "  `File-5-sample.xml` is a dialect that names itself so.",
        "- FHIR in XML is not read. Outcomes and parameters are answers, not records. Questions (CRTDL, CCDL), test scripts,",
        "  schemas, licences and BPMN are no patient data and are named as what they are not.",
        "- Two TORCH files are not JSON (one is cut off, one has a syntax error).",
        "  Files that say different things about one id make versions of it.",
        "",
        "## Searches",
        "",
        f"The searches of the MII test data over the FHIR API: **{passed} of {len(asked)} pass**. An unknown parameter is an"
        " error (400), never ignored.",
        "",
        "| Search | Found | Passes |",
        "| --- | ---: | --- |",
        *(f"| `{one.query.replace('|', chr(92) + '|')}` | {one.total} | {one.fault or 'yes'} |" for one in asked),
        "",
        "How we read them:",
        "",
        "- `parameter=|` asks for a code without a system: FHIR says what `|code` and `system|` mean, and this is both at once.",
        "- The published paths of `tnm-t-cppraefix`, `tnm-n-cppraefix` and `tnm-m-cppraefix` name an extension that no profile",
        "  has; ours lead to the prefix where the profile keeps it (`Observation.code`), for all three, and as",
        "  `tnm-cp-praefix`, which the module's later versions put in their place.",
        "- `bestrahlung-*` lead to the elements of the profiles of 2026, not to the extension of 2025 that those replaced.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _source_row(source: str, listed: list[Account]) -> str:
    loaded, rejected = sum(one.loaded for one in listed), sum(one.rejected for one in listed)
    changed = sum(one.changed_again for one in listed)
    return f"| {SOURCES[source]} | {len(listed)} | {loaded + rejected} | {loaded} | {rejected} | {changed} |"


def _rules(found: dict[str, list[Account]]) -> list[tuple[str, int]]:
    spoken = Counter(rule for listed in found.values() for one in listed for _, rule in one.reasons)
    return sorted(spoken.items(), key=lambda pair: (-pair[1], pair[0]))


def main() -> int:
    """Measure and write the page."""
    data = Path(os.environ.get("MIHUB_SHARED", ROOT.parent / "shared")) / "data"
    with (
        tempfile.TemporaryDirectory(prefix="mihub-accounts-") as folder,
        Embedded.start(Path(folder) / "pg") as postgres,
        real_site(postgres, Path(folder)) as site,
    ):
        PAGE.write_text(page(accounts(site, data), outcomes(site, searches(data))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
