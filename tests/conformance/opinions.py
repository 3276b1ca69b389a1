"""Other people's validators behind one seam: what each calls an error in a resource, and where.

Tests only. `schema_opinion`: R4's own fhir.schema.json by jsonschema-rs; `pyrofile_opinion`: pyrofile-validator with the packages
beside the project; `our_opinion`: ours. A place is a path without indexes and choice types (`Observation.value`).
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.fhirpath import r4
from mihub.site.validate.finding import Finding

_INDEX = re.compile(r"\[\d+\]")
_TYPED = re.compile(r"\.ofType\(\w+\)")


@dataclass(frozen=True, order=True)
class Said:
    """One error: its rule in the validator's own words, and its place without indexes."""

    rule: str
    place: str


Opinion = Callable[[dict[str, Any]], list[Said]]


def our_opinion(validate: Callable[[dict[str, Any]], Sequence[Finding]]) -> Opinion:
    """Ours: the errors among the findings."""

    def opinion(resource: dict[str, Any]) -> list[Said]:
        return [
            Said(found.rule, _TYPED.sub("", _INDEX.sub("", found.location)))
            for found in validate(resource)
            if found.severity in ("error", "fatal")
        ]

    return opinion


def schema_opinion(file: Path) -> Opinion:
    """R4's JSON schema, of the type that the resource says it is."""
    schema = _plain_r4(json.loads(file.read_bytes()))
    of_type = functools.cache(
        lambda name: jsonschema_rs.validator_for(
            {
                "$schema": schema["$schema"],
                "$ref": f"#/definitions/{name}",
                "definitions": _needed(schema["definitions"], name),
            }
        )
    )

    def opinion(resource: dict[str, Any]) -> list[Said]:
        name = resource.get("resourceType")
        if not isinstance(name, str) or name not in schema["definitions"]:
            return [Said("resourceType", "Resource")]
        found = [_schema_said(name, error) for error in of_type(name).iter_errors(resource)]
        for place, inner in _inner(resource):
            found += [
                Said(one.rule, f"{name}.{place}" + one.place[len(one.place.partition(".")[0]) :])
                for one in opinion(inner)
            ]
        return found

    return opinion


def _inner(resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Resources inside this one, each by its own schema: one schema with all types takes long to compile."""
    rest: list[tuple[str, Any]] = list(resource.items())
    while rest:
        place, node = rest.pop()
        if isinstance(node, list):
            rest += [(place, one) for one in node]
        elif isinstance(node, dict) and place.rpartition(".")[2] in ("contained", "resource", "outcome"):
            if "resourceType" in node:
                yield place, node
        elif isinstance(node, dict):
            rest += [(f"{place}.{key}", value) for key, value in node.items()]


def _plain_r4(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what the publisher of the copy added to R4: types of its own, and elements of Meta."""
    definitions = {
        name: row
        for name, row in schema["definitions"].items()
        if name == "ResourceList" or r4().type(name.partition("_")[0]) is not None
    }
    # Resources inside are asked one by one.
    definitions["ResourceList"] = {"type": "object", "required": ["resourceType"]}
    for name in ("project", "author", "onBehalfOf", "account", "accounts", "compartment"):
        definitions["Meta"]["properties"].pop(name, None)
        definitions["Meta"]["properties"].pop(f"_{name}", None)
    definitions["Reference"]["properties"].pop("resource", None)
    return {"$schema": schema["$schema"], "definitions": definitions}


def _needed(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """What a type refers to, directly or not: a whole schema is slow to compile."""
    found: dict[str, Any] = {}
    todo = [name]
    while todo:
        one = todo.pop()
        if one not in found:
            found[one] = definitions[one]
            todo += re.findall(r"#/definitions/(\w+)", json.dumps(definitions[one]))
    return found


def _schema_said(name: str, error: Any) -> Said:
    steps = [str(step) for step in error.instance_path if not isinstance(step, int)]
    keyword = str(error.schema_path[-1]) if error.schema_path else type(error.kind).__name__
    unexpected = getattr(error.kind, "unexpected", None)
    if unexpected:
        keyword += f":{unexpected[0]}"
    return Said(keyword, plain_place(".".join((name, *steps))))


def plain_place(place: str) -> str:
    """Without `_` and with choices by their stem, as ours are."""
    stem = place.split(".")
    return ".".join([stem[0], *(_choice(step.lstrip("_")) for step in stem[1:])])


@functools.cache
def _choices() -> dict[str, str]:
    """`valueQuantity` -> `value`, for every choice of R4."""
    found = {}
    for known in core_definitions().all("StructureDefinition"):
        kind = r4().type(known.type)
        structure = (
            core_definitions().structure(known.url)
            if kind is not None and known.derivation != "constraint"
            else None
        )
        for element in structure.resource["snapshot"]["element"] if structure is not None else ():
            stem = element["path"].rpartition(".")[2]
            if stem.endswith("[x]"):
                for row in element.get("type", ()):
                    found[stem[:-3] + row["code"][0].upper() + row["code"][1:]] = stem[:-3]
    return found


def _choice(step: str) -> str:
    return _choices().get(step, step.removesuffix("[x]"))


def pyrofile_opinion(packages: Sequence[Path], cache: Path) -> Opinion:
    """pyrofile-validator, offline, with these packages; unknown extensions and profiles are allowed as in R4."""
    from pyrofile_validator import Validator
    from pyrofile_validator.config import ValidatorConfig

    logging.getLogger("pyrofile").setLevel(logging.ERROR)
    validator = Validator(
        ValidatorConfig(
            local_package_paths=[str(one) for one in packages],
            package_cache_dir=str(cache),
            allow_unknown_extensions=True,
            error_on_unknown_profile=False,
        )
    )

    def opinion(resource: dict[str, Any]) -> list[Said]:
        # Its FHIRPath prints what trace() says.
        with contextlib.redirect_stdout(io.StringIO()):
            report = validator.validate_resource(resource)
        name = str(resource.get("resourceType"))
        return [
            Said(one.code, plain_place(_slices(_INDEX.sub("", one.path or name))))
            for one in report.issues
            # What it could not evaluate is no opinion.
            if one.severity.value == "error" and ".unsupported" not in one.code
        ]

    return opinion


def _slices(path: str) -> str:
    """`Specimen.type.coding:sct` -> `Specimen.type.coding`."""
    return ".".join(step.partition(":")[0] for step in path.split("."))
