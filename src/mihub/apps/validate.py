"""`mihub validate FILES...`: FHIR JSON against R4 and profiles, with no site or with a site's packages.

Reads JSON, NDJSON, bundles, folders of these and gzip; not XML. Stores nothing. Exit code 65 when there is an error.
Below: `site.validate`, `site.packages`; beside: `validation`, `console`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from mihub.apps import console, folders
from mihub.apps.validation import terminology_of
from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.errors import InvalidInput, MihubError
from mihub.site.ingest.limits import Limits
from mihub.site.ingest.opening import as_utf8, open_bounded
from mihub.site.ingest.sniff import HEAD_BYTES, Format, sniff
from mihub.site.packages.shelf import FILE_NAME, Shelf
from mihub.site.quarantine.door import ERRORS, claimed, unknown_profiles
from mihub.site.quarantine.told import row
from mihub.site.terminology.lists import FILE_NAME as CODE_LISTS
from mihub.site.terminology.lists import CodeLists
from mihub.site.terminology.terminology import Terminology
from mihub.site.validate.codes import Codes
from mihub.site.validate.finding import Finding
from mihub.site.validate.names import shown_address
from mihub.site.validate.validator import ProfileValidator

_LIMITS: Final = Limits()
_XML_SUFFIXES: Final = (".xml", ".xml.gz")
_SUFFIXES: Final = (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz")
_XML: Final = {
    Format.OBDS,
    Format.ADT,
    Format.FHIR_XML,
    Format.DOCTYPE,
    Format.OTHER_XML,
    Format.NO_NAMESPACE,
}
_MOST_SHOWN: Final = 200
# How a resource came out under one profile.
State = Literal["right", "wrong", "unknown"]
_ENTRY: Final = re.compile(r"Bundle\.entry\[(\d+)\]\.resource")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was asked."""

    files: tuple[Path, ...]
    site: Path | None = None
    packages: tuple[Path, ...] = ()
    extra: tuple[Path, ...] = ()
    profiles: tuple[str, ...] = ()
    language: str = "de"
    most: int = _MOST_SHOWN


@dataclass(frozen=True, slots=True)
class Checked:
    """One resource, or a file that holds none: where it stands and what was found.

    `profiles`: each profile that it, or a resource in it, claims or was asked for: right, wrong, or unknown (not loaded).
    """

    file: str
    line: int | None
    resource_type: str
    profiles: tuple[tuple[str, State], ...]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Summary:
    """Counts over all resources."""

    resources: int = 0
    conformant: int = 0
    severities: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    profiles: dict[str, list[int]] = field(default_factory=dict)

    def add(self, checked: Checked) -> None:
        """Take one into account."""
        wrong = any(found.severity in ERRORS for found in checked.findings)
        self.resources += 1
        self.conformant += not wrong
        for found in checked.findings:
            self.severities[found.severity] += 1
            self.rules[found.rule] += 1
        for profile, state in checked.profiles:
            counts = self.profiles.setdefault(profile, [0, 0, 0])
            counts[0] += 1
            counts[1] += state == "wrong"
            counts[2] += state == "unknown"

    @property
    def errors(self) -> int:
        """Findings of severity error and fatal."""
        return self.severities["error"] + self.severities["fatal"]

    def as_json(self, files: int) -> dict[str, Any]:
        """The object `summary`."""
        return {
            "files": files,
            "resources": self.resources,
            "conformant": self.conformant,
            "errors": self.errors,
            "warnings": self.severities["warning"],
            "information": self.severities["information"],
            "profiles": {
                name: {"resources": counts[0], "with_errors": counts[1], "unknown": counts[2]}
                for name, counts in sorted(self.profiles.items())
            },
            "rules": dict(self.rules.most_common()),
        }


def run(wanted: Wanted, *, as_json: bool) -> int:
    """Validate, print, return the exit code."""
    with ExitStack() as stack:
        definitions = _definitions(wanted, stack)
        validator = ProfileValidator(definitions, _codes(wanted, definitions, stack))
        files = list(_files(wanted.files))
        _say_what_is_passed_over(wanted.files)
        summary, told = Summary(), _Told(wanted, as_json=as_json)
        with console.progress("Files", quiet=as_json) as step:
            for done, path in enumerate(files):
                step(done, len(files), str(path))
                for checked in check(path, validator, wanted.profiles):
                    summary.add(checked)
                    told.add(checked)
        told.end(summary, len(files))
    return InvalidInput.exit_code if summary.errors else 0


def check(path: Path, validator: ProfileValidator, profiles: Sequence[str] = ()) -> Iterator[Checked]:
    """Every resource of a file; a file that can not be read is one finding. Holds one line at a time."""
    shown = str(path)
    try:
        with open_bounded(path, _LIMITS) as stream:
            found = sniff(stream.read(HEAD_BYTES))
        if found not in (Format.LINES, Format.DOCUMENT, Format.ARRAY):
            yield _unread(shown, _rule(found))
            return
        with open_bounded(path, _LIMITS) as stream:
            for line, text in _texts(as_utf8(stream), in_lines=found is Format.LINES):
                if text is None:
                    yield _unread(shown, "file-too-long", line)
                else:
                    yield _checked(shown, line, text, validator, profiles)
    except MihubError:
        yield _unread(shown, "file-damaged")
    except OSError:
        yield _unread(shown, "file-missing")


def _texts(stream: Any, *, in_lines: bool) -> Iterator[tuple[int | None, bytes | None]]:
    most = _LIMITS.max_line_bytes
    if not in_lines:
        text = stream.read(most + 1)
        yield None, text if len(text) <= most else None
        return
    number = 0
    while line := stream.readline(most + 1):
        number += 1
        if len(line) > most:
            yield number, None
            while line and not line.endswith(b"\n"):
                line = stream.readline(1 << 20)
        elif line.strip():
            yield number, line


def _checked(
    shown: str, line: int | None, text: bytes, validator: ProfileValidator, profiles: Sequence[str]
) -> Checked:
    findings = tuple(validator.validate_bytes(text, profiles))
    try:
        resource = orjson.loads(text)
    except orjson.JSONDecodeError:
        resource = None
    if not isinstance(resource, dict):
        return Checked(shown, line, "", (), findings)
    return Checked(
        shown,
        line,
        str(resource.get("resourceType", "")),
        tuple(_profiles(resource, profiles, findings)),
        findings,
    )


def _profiles(
    resource: Resource, asked: Sequence[str], findings: Sequence[Finding]
) -> Iterator[tuple[str, State]]:
    """The profiles of a resource and of the entries of a bundle, and how each of them came out."""
    named = claimed(resource) if resource.get("meta") or not asked else ()
    yield from _states(named, findings)
    # What was asked for has no place in `meta.profile`; that it is not loaded stands in the facts.
    missing = {one.facts.get("canonical", "") for one in findings if one.rule == "profile-unknown"}
    for profile in dict.fromkeys(asked):
        if profile not in named:
            yield (
                profile,
                "unknown"
                if shown_address(profile) in missing
                else "wrong"
                if _is_wrong(findings)
                else "right",
            )
    entries = resource.get("entry") if resource.get("resourceType") == "Bundle" else None
    by_entry: dict[str, list[Finding]] = {}
    for found in findings:
        if match := _ENTRY.match(found.location):
            place = f"Resource{found.location[match.end() :]}"
            by_entry.setdefault(match[1], []).append(replace(found, location=place))
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inner, dict):
            yield from _states(claimed(inner), by_entry.get(str(number), []))


def _states(profiles: Sequence[str], findings: Sequence[Finding]) -> Iterator[tuple[str, State]]:
    unknown, wrong = unknown_profiles(profiles, findings), _is_wrong(findings)
    for profile in profiles:
        yield profile, "wrong" if wrong else "unknown" if profile in unknown else "right"


def _is_wrong(findings: Sequence[Finding]) -> bool:
    return any(found.severity in ERRORS for found in findings)


def _rule(found: Format) -> str:
    if found is Format.EMPTY:
        return "file-empty"
    return "file-xml" if found in _XML else "file-other"


def _unread(shown: str, rule: str, line: int | None = None) -> Checked:
    facts = {"limit": str(_LIMITS.max_line_bytes // (1024 * 1024))}
    return Checked(shown, line, "", (), (Finding("fatal", "structure", "", rule, "", facts),))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Every file named; of a folder those whose name says JSON, in order."""
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.name.lower().endswith(_SUFFIXES))
            if not inside:
                raise InvalidInput(
                    f"The folder {path} holds no JSON file.",
                    rule=", ".join(_SUFFIXES),
                    next_step="Name another folder, or the files themselves.",
                )
            yield from inside
        else:
            yield path


def _say_what_is_passed_over(paths: Sequence[Path]) -> None:
    """XML in a folder may be FHIR, too: a folder must not pass for right because half of it was not read."""
    for path in paths:
        count = (
            sum(one.name.lower().endswith(_XML_SUFFIXES) for one in path.rglob("*")) if path.is_dir() else 0
        )
        if count:
            console.say(f"{path}: {count} XML file(s) passed over; JSON and NDJSON are validated.")


def _definitions(wanted: Wanted, stack: ExitStack) -> Definitions:
    """Extra resources over packages named over the site's packages over R4 core."""
    definitions: Definitions = core_definitions()
    if wanted.site is not None:
        folders.read(wanted.site, "site")
        definitions = stack.enter_context(closing(Shelf.open(wanted.site / FILE_NAME, definitions)))
    if wanted.packages:
        shelf = stack.enter_context(closing(Shelf.open(None, definitions)))
        for refused in shelf.add(*wanted.packages).refused:
            raise InvalidInput(
                f"{refused.source}: {refused.what}", rule=refused.rule, next_step=refused.next_step
            )
        definitions = shelf
    if wanted.extra:
        definitions = MemoryDefinitions(list(_extra(wanted.extra)), definitions)
    return definitions


def _codes(wanted: Wanted, definitions: Definitions, stack: ExitStack) -> Codes:
    """The codes of these definitions, and those of the site's code lists."""
    if wanted.site is None or not (wanted.site / CODE_LISTS).exists():
        return terminology_of(definitions)
    return Terminology(definitions, stack.enter_context(closing(CodeLists.open(wanted.site / CODE_LISTS))))


def _extra(paths: Sequence[Path]) -> Iterator[Resource]:
    """The resources in these files and folders; the entries of bundles one by one."""
    for path in _files(paths):
        try:
            with open_bounded(path, _LIMITS) as stream:
                in_lines = sniff(stream.read(HEAD_BYTES)) is Format.LINES
            with open_bounded(path, _LIMITS) as stream:
                for _, text in _texts(as_utf8(stream), in_lines=in_lines):
                    value = orjson.loads(text or b"null")
                    if isinstance(value, dict):
                        yield from _unpacked(value)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(
                f"{path} is not JSON.", rule="--with takes FHIR JSON", next_step="Check the file."
            ) from error


def _unpacked(value: Resource) -> Iterator[Resource]:
    if value.get("resourceType") != "Bundle":
        yield value
        return
    for entry in value.get("entry", []):
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield entry["resource"]


class _Told:
    """Prints what is found while it is found, or gathers the one document."""

    def __init__(self, wanted: Wanted, *, as_json: bool) -> None:
        self._wanted, self._as_json = wanted, as_json
        self._rows: list[dict[str, Any]] = []
        self._shown = self._left = 0

    def add(self, checked: Checked) -> None:
        """One resource."""
        if self._as_json:
            self._rows.append(_document(checked, self._wanted.language))
            return
        for found in checked.findings:
            if self._shown >= self._wanted.most:
                self._left += 1
                continue
            self._shown += 1
            told = row(found, self._wanted.language)
            place = checked.file if checked.line is None else f"{checked.file}:{checked.line}"
            console.out.print(
                f"{place}  {found.location or '-'}  {found.severity}  {found.rule}: {told['text']}",
                markup=False,
            )

    def end(self, summary: Summary, files: int) -> None:
        """The summary."""
        if self._as_json:
            console.json_line({"files": self._rows, "summary": summary.as_json(files)})
            return
        write = console.out.print
        if self._left:
            write(f"and {self._left} more findings; all of them with --json or --most", markup=False)
        write(
            f"Resources: {summary.resources}, conformant: {summary.conformant}. Errors: {summary.errors}, "
            f"warnings: {summary.severities['warning']}, information: {summary.severities['information']}.",
            markup=False,
        )
        for name, (resources, wrong, unknown) in sorted(summary.profiles.items()):
            known = resources - unknown
            told = f"{known - wrong} of {known} conformant" if known else "not loaded, nothing was checked"
            write(f"  {name}: {told}{f', {unknown} not checked' if known and unknown else ''}", markup=False)
        for rule, count in summary.rules.most_common():
            write(f"  rule {rule}: {count}", markup=False)


def _document(checked: Checked, language: str) -> dict[str, Any]:
    line = {"line": checked.line} if checked.line is not None else {}
    kept = ("severity", "code", "expression", "rule", "profile", "text")
    return {
        "file": checked.file,
        **line,
        "resourceType": checked.resource_type,
        "findings": [
            {name: value for name, value in row(found, language).items() if name in kept}
            for found in checked.findings
        ],
    }
