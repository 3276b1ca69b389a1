"""What an import did: counts that add up, a reason for every rejected record, notes for what was kept out or
left open.

`loaded + rejected` is the number of records read. A record is an oBDS report (Meldung), an entry of a FHIR
bundle, a line of NDJSON or a single resource; a file that cannot be read at all counts as one rejected
record. Never a patient value: places are lines and entry numbers, reasons are sentences of this program.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from mihub.errors import MihubError
from mihub.site.store.protocol import Effect

_ONLY_MORE: Final = "further records rejected for the same rule"
_MAX_REASONS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record was not loaded (or what to know about one that was).

    Where, what, which rule, what next.
    """

    file: str
    reason: str
    rule: str
    next: str
    line: int | None = None
    entry: int | None = None
    # The same in German, where the sentence is made from a profile and no catalogue can hold it.
    german: tuple[str, str] = ("", "")

    def as_json(self) -> dict[str, Any]:
        """The object of the report: `line` or `entry` only where there is one."""
        place = {name: at for name, at in (("line", self.line), ("entry", self.entry)) if at is not None}
        return {"file": self.file, **place, "reason": self.reason, "rule": self.rule, "next": self.next}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running import is."""

    file: str
    files_done: int
    files_total: int
    records: int


@dataclass(slots=True)
class Conformance:
    """What validation saw in one run: resources looked at, those with an error, with warnings only, and not stored."""

    checked: int = 0
    with_errors: int = 0
    with_warnings: int = 0
    refused: int = 0
    rules: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class ImportReport:
    """Filled by one run.

    `stopped` is set when the store could not go on; what was counted before stays true.
    """

    dry_run: bool = False
    files: int = 0
    loaded: int = 0
    rejected: int = 0
    resources: Counter[Effect] = field(default_factory=Counter)
    reasons: list[Reason] = field(default_factory=list)
    notes: list[Reason] = field(default_factory=list)
    stopped: MihubError | None = None
    max_reasons: int = _MAX_REASONS
    conformance: Conformance = field(default_factory=Conformance)
    quarantined: int = 0
    _more_reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    _noted: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def read(self) -> int:
        """How many records were read."""
        return self.loaded + self.rejected

    @property
    def exit_code(self) -> int:
        """For the command line.

        0, the store's own code when it stopped us, 65 when any record was rejected.
        """
        if self.stopped is not None:
            return self.stopped.exit_code
        return 65 if self.rejected else 0

    def reject(self, reasons: tuple[Reason, ...], records: int = 1) -> None:
        """Count rejected records and keep their reasons.

        Beyond the limit only how many there were of each rule.
        """
        self.rejected += records
        for reason in reasons:
            if len(self.reasons) < self.max_reasons:
                self.reasons.append(reason)
            else:
                self._more_reasons[reason.file, reason.rule] += 1

    def note(self, note: Reason) -> None:
        """Keep a note once for its file, rule and sentence."""
        key = (note.file, note.rule, note.reason)
        if key not in self._noted and len(self.notes) < self.max_reasons:
            self._noted.add(key)
            self.notes.append(note)

    def all_reasons(self) -> list[Reason]:
        """The kept reasons, then one line for each rule with how many more there were."""
        more = [
            Reason(
                file=file,
                reason=f"{count} {_ONLY_MORE}.",
                rule=rule,
                next="Correct the ones listed and import again.",
            )
            for (file, rule), count in sorted(self._more_reasons.items())
        ]
        return [*self.reasons, *more]

    def to_json(self) -> str:
        """One line with exactly `files`, `loaded`, `rejected`, `resources`, `reasons`."""
        effects: tuple[Effect, ...] = ("created", "updated", "unchanged", "deleted")
        return orjson.dumps(
            {
                "files": self.files,
                "loaded": self.loaded,
                "rejected": self.rejected,
                "resources": {effect: self.resources[effect] for effect in effects},
                "reasons": [reason.as_json() for reason in self.all_reasons()],
            }
        ).decode()
