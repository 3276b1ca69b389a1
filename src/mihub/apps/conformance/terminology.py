"""HL7's terminology ecosystem tests against our terminology: one operation a case, its answer held against the template.

The cases are R5; requests go in as they are, answers come out as R4 and are read back into R5's form, as the suite's own runner
does with an R4 server. Every case that does not pass is named with the reason. Above: `mihub conformance`, the tests.
Source: HL7/fhir-tx-ecosystem-ig, tests/.
"""

from __future__ import annotations

import copy
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.apps.conformance.suite import Failure, Result
from mihub.apps.conformance.tx_template import Template
from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.outcome import operation_outcome
from mihub.errors import MihubError
from mihub.site.terminology.issues import Refused
from mihub.site.terminology.r4 import as_r5
from mihub.site.terminology.terminology import Terminology

ARCHIVE: Final = Path("terminology/terminology-ecosystem-tests.tar.gz")
SOURCE: Final = "HL7/fhir-tx-ecosystem-ig, mode general"
# Extensions the suite's runner keeps when it compares; every other one is nobody's business.
_KEPT_EXTENSIONS: Final = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/{name}"
    for name in (
        "codesystem-alternate",
        "codesystem-conceptOrder",
        "codesystem-label",
        "coding-sctdescid",
        "itemWeight",
        "rendering-style",
        "rendering-xhtml",
        "translation",
        "valueset-concept-definition",
        "valueset-conceptOrder",
        "valueset-deprecated",
        "valueset-label",
        "valueset-supplement",
        "alternate-code-use",
        "alternate-code-status",
        "operationoutcome-message-id",
        "structuredefinition-standards-status",
        "valueset-unclosed",
        "valueset-unclosed-reason",
    )
) | frozenset(f"http://hl7.org/fhir/test/StructureDefinition/unknown-extension-{n}" for n in (1, 3, 4, 5))
_OPERATIONS: Final = {
    "expand": "expand",
    "validate-code": "validate_code",
    "cs-validate-code": "validate_code_in_system",
    "lookup": "lookup",
    "translate": "translate",
    "batch-validate": "batch_validate_code",
}

# Cases that are left as they are, each with the reason; a case may stand here only while it fails.
REASONS: Final[dict[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `files` are all of the suite's files."""

    suite: str
    name: str
    operation: str
    request: Resource
    expected: tuple[Resource, ...]
    setup: tuple[Resource, ...]
    status: str = "2xx"
    language: str = ""
    modes: frozenset[str] = field(default=frozenset())


def run(data: Path, modes: frozenset[str] = frozenset({"general"})) -> Result:
    """All cases of these modes."""
    terminology = Terminology(core_definitions())
    failures: list[Failure] = []
    total = 0
    for case in cases(data / ARCHIVE, modes):
        total += 1
        saw = check(terminology, case)
        if saw:
            failures.append(Failure(f"{case.suite}/{case.name}", saw, REASONS.get(case.name, "")))
    return Result("terminology", SOURCE, total, total - len(failures), tuple(failures))


def tolerated(data: Path, modes: frozenset[str] = frozenset({"general"})) -> list[str]:
    """Cases that pass only because texts may differ in blanks and punctuation, as for the suite's own runner."""
    terminology = Terminology(core_definitions())
    return [
        f"{case.suite}/{case.name}"
        for case in cases(data / ARCHIVE, modes)
        if not check(terminology, case) and check(terminology, case, exact=True)
    ]


def cases(archive: Path, modes: frozenset[str]) -> Iterator[Case]:
    """The cases whose mode is on, in the suite's order."""
    packed = files(archive)
    for suite in orjson.loads(packed["test-cases.json"])["suites"]:
        wanted = [raw for raw in suite["tests"] if _is_on(raw, suite, modes)]
        setup = tuple(_json(packed, name) for name in suite["setup"] if wanted)
        yield from (_case(packed, suite["name"], raw, setup, modes) for raw in wanted)


def _is_on(raw: Json, suite: Json, modes: frozenset[str]) -> bool:
    mode = raw.get("mode", suite.get("mode", ""))
    return mode in modes and suite.get("mode", mode) in modes and raw["operation"] in _OPERATIONS


def _case(
    packed: dict[str, bytes], suite: str, raw: Json, setup: tuple[Resource, ...], modes: frozenset[str]
) -> Case:
    profile = _json(packed, raw.get("profile", "parameters-default.json"))
    request = _json(packed, raw["request"])
    request["parameter"] = [
        *request["parameter"],
        *({"name": "tx-resource", "resource": one} for one in setup),
        *profile["parameter"],
    ]
    names = [raw.get(f"response:{mode}", "") for mode in sorted(modes)] + [
        raw["response"],
        raw.get("response2", ""),
    ]
    expected = tuple(_json(packed, name) for name in names if name)
    language = raw.get("Accept-Language", "")
    status = raw.get("http-code", "2xx")
    return Case(suite, raw["name"], raw["operation"], request, expected, setup, status, language, modes)


def check(terminology: Terminology, case: Case, *, exact: bool = False) -> str:
    """What differs, "" when the case passes."""
    status, answer = _ask(terminology, case)
    actual = _scrubbed(as_r5(copy.deepcopy(answer)))
    if not status.startswith(case.status[0]):
        return f"status {status}, expected {case.status}: {_text(answer)}"
    template = Template(case.modes, exact=exact)
    differences = [template.difference(_sorted_message(one), actual) for one in case.expected]
    return "" if "" in differences else differences[0]


def _ask(terminology: Terminology, case: Case) -> tuple[str, Resource]:
    operation = getattr(terminology, _OPERATIONS[case.operation])
    try:
        return "200", operation(case.request, accept_language=case.language)
    except Refused as error:
        return str(error.status), error.outcome()
    except MihubError as error:
        return str(error.http_status), operation_outcome(error)


def files(archive: Path) -> dict[str, bytes]:
    """Every file of the suite by its path in it."""
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            stream = packed.extractfile(member) if member.isfile() else None
            if stream is not None:
                found[member.name.partition("tests/")[2] or member.name] = stream.read()
    return found


def _json(packed: dict[str, bytes], name: str) -> Resource:
    loaded: Resource = orjson.loads(packed[name].removeprefix(b"\xef\xbb\xbf"))
    return loaded


def _scrubbed(value: Any) -> Any:
    """As the suite's runner looks at an answer: no narrative, no extensions that nobody compares, sorted sentences."""
    if isinstance(value, list):
        return [_scrubbed(one) for one in value]
    if not isinstance(value, dict):
        return value
    out = {
        name: one if name == "compose" else _scrubbed(one)
        for name, one in value.items()
        if name not in ("text", "meta") or "resourceType" not in value
    }
    if "extension" in out:
        kept = [
            one
            for one in out["extension"]
            if one.get("url") in _KEPT_EXTENSIONS or ":" not in one.get("url", "")
        ]
        out = (
            {**out, "extension": kept}
            if kept
            else {name: one for name, one in out.items() if name != "extension"}
        )
    return _one_sentence_order(out)


def _sorted_message(expected: Any) -> Any:
    """The expected sentences in the same order as ours."""
    if isinstance(expected, list):
        return [_sorted_message(one) for one in expected]
    if not isinstance(expected, dict):
        return expected
    return _one_sentence_order({name: _sorted_message(one) for name, one in expected.items()})


def _one_sentence_order(one: dict[str, Any]) -> dict[str, Any]:
    if one.get("name") == "message" and "; " in str(one.get("valueString", "")):
        return {**one, "valueString": "; ".join(sorted(one["valueString"].split("; ")))}
    return one


def _text(answer: Resource) -> str:
    issues = answer.get("issue") or [{}]
    return str((issues[0].get("details") or {}).get("text", ""))
