"""$viewdefinition-run: a view over the record, or over resources that come with the request, as a stream.

Also under the names that the specification had before ($run) and has next ($sql-run). What may be read is what a search
of the same type may read. Source: SQL on FHIR v2, OperationDefinition ViewDefinitionRun. Above: `views_http`.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.views import View, ViewError, read
from mihub.core.policy.rules import Action
from mihub.errors import TooLarge, Unavailable
from mihub.site.api.call import Call
from mihub.site.api.group_members import patients_of
from mihub.site.site import Site
from mihub.site.store.protocol import Note
from mihub.site.views import library
from mihub.site.views.files import unwrapped
from mihub.site.views.formats import CSV, FHIR, JSON, NDJSON, PARQUET, Format, named
from mihub.site.views.postgres import PostgresRecords
from mihub.site.views.record import PagedRecords, Records, Selection, joined
from mihub.site.views.request import Asked, Wanted
from mihub.site.views.stream import table
from mihub.site.views.work import Chunk

FORMATS: Final = (NDJSON, CSV, JSON, PARQUET, FHIR)
_MOST_ENVELOPED_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Table:
    """What a run answers: pieces of one table."""

    media: str
    pieces: Iterator[bytes]


class Runs:
    """$viewdefinition-run at one site. A run holds a connection while it is sent, so only some go on at once."""

    def __init__(self, site: Site) -> None:
        self._records = records_of(site)
        self._slots = threading.BoundedSemaphore(max(1, site.settings.database_connections // 2))

    def run(self, call: Call, asked: Asked, accept: str) -> Table:
        """The table; what can be known to be wrong is known before the first byte."""
        form, enveloped = _form(asked, accept)
        view = view_of(call, asked.views[0])
        patients = patients_of(call, asked.patients, asked.groups, call.within(Action.READ))
        names = noted_names(asked, view)
        if asked.resources is not None:
            call.site.store.note(
                [Note("E", "viewdefinition-run", view.resource, count=0, parameters=names)], call.access
            )
            chunks = joined(_lines(asked.resources))
            pieces = table(view, chunks, form, header=asked.header, limit=asked.limit)
        else:
            selection = Selection(view.resource, patients, asked.since, names=names)
            pieces = self._of_record(call, view, selection, form, asked)
        return _enveloped(form, pieces) if enveloped else Table(form.media, _begun(pieces))

    def _of_record(
        self, call: Call, view: View, selection: Selection, form: Format, asked: Asked
    ) -> Iterator[bytes]:
        if not self._slots.acquire(blocking=False):
            raise Unavailable("Too many tables are being sent at once.", next_step="Try again in a moment.")
        try:
            with self._records.snapshot() as snapshot:
                chunks: Iterator[Chunk] = snapshot.chunks(selection, call.access, call.within(Action.READ))
                yield from table(view, chunks, form, header=asked.header, limit=asked.limit)
        finally:
            self._slots.release()


def records_of(site: Site) -> Records:
    """The record of a site as views read it."""
    if site.pool is not None:
        return PostgresRecords(site.pool, site.store)
    return PagedRecords(site.search, site.store)


def view_of(call: Call, wanted: Wanted) -> View:
    """The view that a request means, checked. Raises `NotFound`, `ViewError` with the place in the request."""
    document = wanted.document
    if document is None:
        document = library.find(wanted.reference, call.site.packages)
    try:
        return read(document)
    except ViewError as error:
        raise ViewError(
            error.what, f"{wanted.where}.{error.where}", rule=error.rule, next_step=error.next_step
        ) from error


def noted_names(asked: Asked, view: View) -> str:
    """For the audit: the filters' names and the view's name, which is a name of a table."""
    about = f"view:{view.name[:64]}" if view.name else "view"
    return ",".join(part for part in (about, asked.names) if part)


def _form(asked: Asked, accept: str) -> tuple[Format, bool]:
    """The format, and whether it is wanted inside of a Binary. `_format` wins over the header Accept."""
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    as_fhir = wanted[0] in ("application/fhir+json", "application/json+fhir")
    if asked.form:
        form = named(asked.form, FORMATS)
        return form, as_fhir and form != FHIR
    for media in wanted:
        for one in FORMATS:
            if media == one.media:
                return one, False
        if media == "application/octet-stream":
            return PARQUET, False
    return NDJSON, False


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces; what goes wrong before the first one is raised here and now."""
    first = next(pieces, b"")

    def whole() -> Iterator[bytes]:
        yield first
        yield from pieces

    return whole()


def _enveloped(form: Format, pieces: Iterator[bytes]) -> Table:
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > _MOST_ENVELOPED_BYTES:
            raise TooLarge(
                f"The table is larger than {_MOST_ENVELOPED_BYTES // 1024**2} MiB.",
                rule="as a Binary resource a table is held whole",
                next_step=f"Ask with Accept: {form.media}.",
            )
    binary: dict[str, Any] = {
        "resourceType": "Binary",
        "contentType": form.media,
        "data": base64.b64encode(data).decode(),
    }
    return Table(FHIR.media, iter([orjson.dumps(binary)]))


def _lines(resources: Iterable[Resource]) -> Iterator[bytes]:
    for given in resources:
        for one in unwrapped(given):
            if isinstance(one, dict):
                yield orjson.dumps(one)
