"""The published searches of the MII test data, on the engine in memory: the ids that must be found, and how many.

Over the API of a real site the same searches are asked by the project's own tests (docs/reference/fixtures.md). Source:
medizininformatik-initiative/mii-testdata.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import orjson
import yaml

from mihub.apps.conformance.suite import Failure, Result
from mihub.core.fhir.bundle import resources
from mihub.core.fhir.dates import zone
from mihub.core.policy.actor import MemberId
from mihub.errors import MihubError
from mihub.site.ingest.store_writer import import_access
from mihub.site.search.catalogue import catalogue
from mihub.site.search.extract import indexer
from mihub.site.search.memory import MemorySearch
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.store.memory import MemoryStore
from mihub.site.store.protocol import Put

_ZONE: Final = zone("Europe/Berlin")


def run(data: Path) -> Result:
    """Every search of the file."""
    folder = data / "mii-testdata"
    search = MemorySearch(_record(folder / "bundles"))
    parser = Parser(catalogue(), _ZONE, PageLimits())
    tests = yaml.safe_load((folder / "search-parameter-tests.yaml").read_text(encoding="utf-8"))["tests"]
    failures = [Failure(str(test["query"]), saw) for test in tests if (saw := _fault(search, parser, test))]
    return Result(
        "search",
        "mii-testdata 2026.0.0-rc.2, search-parameter-tests.yaml",
        len(tests),
        len(tests) - len(failures),
        tuple(failures),
    )


def _record(folder: Path) -> MemoryStore:
    store = MemoryStore(indexer(catalogue(), _ZONE))
    for path in sorted(folder.rglob("*.json")):
        found = resources(orjson.loads(path.read_bytes()))
        puts = [Put(one) for one in found if one.get("id")]
        store.write(puts, import_access(MemberId("suite"), "conformance"))
    return store


def _fault(search: MemorySearch, parser: Parser, test: dict[str, Any]) -> str:
    resource_type, _, query = str(test["query"]).partition("?")
    parameters = [
        (unquote(name), unquote(text)) for name, _, text in (one.partition("=") for one in query.split("&"))
    ]
    try:
        found = search.ids(parser.parse(resource_type, parameters))
    except MihubError as error:
        return f"refused: {error.what}"
    missing = sorted(set(test["expected"].get("contains_id", [])) - set(found))
    if missing:
        return f"misses {', '.join(missing)}"
    return "" if len(found) >= test["expected"]["min_total"] else "finds fewer than expected"
