"""What an import does not load: told in the report, kept in the quarantine as it came, counted by rule.

Judges every record before its batch is written, so that a bad one never holds up the good ones. A rehearsal keeps and
counts nothing. Above: `importer`, `writing`. Below: `site.quarantine` (door, tally, protocol).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Protocol

from mihub import log
from mihub.errors import MihubError, StorageFull, Unavailable
from mihub.site.ingest.records import Accepted, Body, Rejected
from mihub.site.ingest.report import ImportReport, Reason
from mihub.site.quarantine.door import OPEN, Door, Verdict, refusals, verdicts
from mihub.site.quarantine.protocol import MAX_BODY_BYTES, Refused, Trouble
from mihub.site.quarantine.told import placed, told
from mihub.site.validate.finding import Finding

_PORTION: Final = 200
# A record with very many findings is not a list of typing errors; all of them stand in the quarantine.
_REASONS_PER_RECORD: Final = 5


class Keeps(Protocol):
    """The part of a quarantine that an import needs."""

    def keep(self, items: Sequence[Refused]) -> list[int]:
        """Durable when it returns."""
        ...


class Counts(Protocol):
    """The part of a tally that an import needs; what is stored, the record counts itself."""

    def refused(self, verdict: Verdict) -> None:
        """A resource was not stored."""
        ...


@dataclass(frozen=True, slots=True)
class Intake:
    """What stands between files and the record. `shown`: how a file is named to people (an upload has a place of ours)."""

    door: Door = OPEN
    keeps: Keeps | None = None
    counts: Counts | None = None
    shown: Callable[[str], str] = str
    source: str = ""


@dataclass(slots=True)
class Refusing:
    """One run's refusals. `source`: the kind of file that is being read."""

    intake: Intake
    report: ImportReport
    dry_run: bool = False
    source: str = "fhir-import"
    _waiting: list[Refused] = field(default_factory=list)

    def judged(self, record: Accepted) -> Accepted | None:
        """The record with its verdicts, or None when one of them forbids it; it is refused by now."""
        source = self.intake.source or self.source
        entries = tuple(self.intake.door.through(entry, source) for entry in record.entries)
        judged = replace(record, entries=entries)
        self._note(judged)
        refused = refusals(entries)
        if not refused:
            return judged
        self._forbidden(judged, refused)
        return None

    def refuse(self, rejected: Rejected) -> None:
        """Tell and keep what a reader or the store refused."""
        self.report.reject(rejected.reasons, rejected.records)
        if rejected.body is not None:
            first = rejected.reasons[0]
            troubles = tuple(Trouble(one.reason, one.rule, one.next) for one in rejected.reasons)
            self._keep(rejected.body, first, (), troubles)

    def flush(self) -> None:
        """Keep what waits. Raises as the quarantine does."""
        waiting, self._waiting = self._waiting, []
        if waiting and self.intake.keeps is not None and not self.dry_run:
            self.intake.keeps.keep(waiting)

    def flush_if_possible(self) -> None:
        """Keep what waits although the run has been stopped; the report names it in any case."""
        try:
            self.flush()
        except (StorageFull, Unavailable):
            # The report says what stopped the run; the files are still where they were.
            return
        except MihubError as error:
            log.warning("refused-not-kept", error=type(error).__name__)

    def _note(self, record: Accepted) -> None:
        """The run's own account of conformance."""
        seen = self.report.conformance
        for _, verdict in verdicts(record.entries):
            seen.checked += 1
            seen.with_errors += bool(verdict.errors)
            seen.with_warnings += not verdict.errors and any(
                found.severity == "warning" for found in verdict.findings
            )
            seen.rules.update(found.rule for found in verdict.errors)

    def _forbidden(self, record: Accepted, refused: Sequence[tuple[int, Verdict]]) -> None:
        found = [
            replace(one, location=placed(one.location, record.places[number] if record.places else ""))
            for number, verdict in refused
            for one in verdict.findings
        ]
        where = Reason(record.file, "", "", "", record.line, record.entry)
        errors = (one for one in found if one.severity in ("error", "fatal"))
        self.report.reject(
            tuple(_reason(where, one) for one in islice(errors, _REASONS_PER_RECORD)), record.records
        )
        self.report.conformance.refused += len(refused)
        if record.body is not None:
            keys = tuple(f"{verdict.resource_type}/{verdict.resource_id}" for _, verdict in refused)
            body = replace(record.body, keys=keys)
            if record.body.kind == "obds":
                only = refused[0][1]
                body = replace(body, resource_type=only.resource_type, resource_id=only.resource_id)
            self._keep(body, where, tuple(found), ())
        self._count(refused)

    def _count(self, refused: Sequence[tuple[int, Verdict]]) -> None:
        if self.intake.counts is None or self.dry_run:
            return
        for _, verdict in refused:
            self.intake.counts.refused(verdict)

    def _keep(
        self, body: Body, where: Reason, findings: tuple[Finding, ...], troubles: tuple[Trouble, ...]
    ) -> None:
        text = body.text()
        if not text.strip():
            # An empty file holds nothing that could be lost.
            return
        self.report.quarantined += 1
        if self.intake.keeps is None or self.dry_run:
            return
        kept = text if len(text) <= MAX_BODY_BYTES else None
        self._waiting.append(
            Refused(
                body.kind, self.intake.source or self.source, kept, len(text), body.resource_type,
                body.resource_id, self.intake.shown(where.file), where.line, where.entry, "", findings, troubles,
                body.keys,
            )
        )  # fmt: skip
        if len(self._waiting) >= _PORTION:
            self.flush()


def _reason(where: Reason, found: Finding) -> Reason:
    english, german = told(found, "en"), told(found, "de")
    return replace(
        where,
        reason=f"{found.location}: {english.wrong}",
        rule=found.rule,
        next=english.do,
        german=(f"{found.location}: {german.wrong}", german.do),
    )
