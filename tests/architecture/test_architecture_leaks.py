"""No patient value leaves a site's record but to those who may see it.

One region holds people whose every value is a marker. They come in by good and broken files, everything goes wrong that
can, a cohort is counted, identities are linked. Then no marker stands in any log, error text, report, server log, in the
hub's or the trust centre's tables, or on any page of an error.
"""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from psycopg import sql

import mihub
import mihub.portals.patient.routes as patient_routes
import mihub.site.api.app as site_api
from mihub import log
from mihub.apps.check import researcher
from mihub.apps.open_site import OpenSite
from mihub.apps.region import DemoSettings, OpenRegion, open_region
from mihub.apps.serve import Background, bind
from mihub.apps.site_admin import report_document
from mihub.apps.visitor import Visitor
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.synth.story import CASES
from tests.architecture import marked_people
from tests.architecture.marked_people import FAMILY, GIVEN, MARKERS, NOTE, bad_requests
from tests.real_site import TODAY

# One region for all tests of this file, also when several processes share the work.
pytestmark = pytest.mark.xdist_group("leaks")

SRC = Path(mihub.__file__).parent
_CHEMNITZ, _DRESDEN = MemberId("chemnitz"), MemberId("dresden")


@dataclass
class Caught:
    """Everything that the region said outside its record, by where."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def keep(self, where: str, *texts: str) -> None:
        """Remember what was said."""
        self.texts.setdefault(where, []).extend(texts)


@contextmanager
def _printed(kept: Caught) -> Iterator[None]:
    """What would reach the terminal: print, and the logs of other libraries as outside of a test."""
    output, root = io.StringIO(), logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        with redirect_stdout(output), redirect_stderr(output):
            yield
    finally:
        root.handlers = handlers
        kept.keep("standard output and error", output.getvalue())


@pytest.fixture(scope="module")
def caught() -> Caught:
    """A region's whole life with marked people, and what could be caught of it."""
    kept, stream = Caught(), io.StringIO()
    with (
        _printed(kept),
        tempfile.TemporaryDirectory(prefix="mihub-leaks-") as temporary,
    ):
        log.configure(stream, as_json=True)
        # The database's own account passes through.
        os.chmod(temporary, 0o711)
        folder = Path(temporary)
        with open_region(DemoSettings(folder / "region", people=len(CASES), today=TODAY)) as region:
            _live(region, folder, kept)
            for house in ("hub", "trust"):
                kept.keep(f"tables of {house}", *_tables(region.pg.url(house)))
        kept.keep("server log", (folder / "region" / "pg" / "server.log").read_text(errors="replace"))
        kept.keep("command line", *_command_line(folder))
    kept.keep("log", stream.getvalue())
    log.configure()
    return kept


def _live(region: OpenRegion, folder: Path, kept: Caught) -> None:
    _import(region, folder, kept)
    asyncio.run(_link(region))
    with Background(region.app, bind("127.0.0.1", 0)) as served:
        _ask_badly(region, served.url, kept)
        _crash(region, served.url, kept)
        _visit_badly(region, served.url, kept)
        researcher(Visitor(served.url), region)


def _import(region: OpenRegion, folder: Path, kept: Caught) -> None:
    for name in ("good", "broken"):
        (folder / name).mkdir()
    good = marked_people.good_files(folder / "good")
    broken = marked_people.broken_files(folder / "broken")
    for member in (_CHEMNITZ, _DRESDEN):
        site = region.sites[member]
        for path, dry_run in ((good, False), (broken, True), (broken, False)):
            report = site.importer().run([path], dry_run=dry_run)
            kept.keep("import reports", report.to_json(), orjson.dumps(report_document(report)).decode())
            site.keep_import(report_document(report))
        assert report.rejected >= 15, "broken files are rejected"
        site.feasibility.refresh()
        kept.keep("import reports", (site.folder / "imports.json").read_text())
        assert _in_record(region, site), "the good files are in the record"


def _in_record(region: OpenRegion, site: OpenSite) -> bool:
    return any(FAMILY in line for line in _tables(region.pg.url(site.member)))


async def _link(region: OpenRegion) -> None:
    for site in region.sites.values():
        assert site.feed is not None
        await site.feed.catch_up()
    known = _tables(region.pg.url("trust"))
    for member in (_CHEMNITZ, _DRESDEN):
        assert region.sites[member].transport_id("marked") in known, "the marked people were linked"


def _bearer(region: OpenRegion, member: str, role: Role, purpose: Purpose) -> dict[str, str]:
    organization = MemberId(member) if role is not Role.PATIENT else MemberId("netzwerk")
    access = Access(Actor(f"{member}/x", "Test", role, organization), purpose)
    return {"Authorization": f"Bearer {region.asker._bearer(access, MemberId(member))}"}


def _ask_badly(region: OpenRegion, url: str, kept: Caught) -> None:
    """All requests that can not be answered, by those who may, by those who may not, and by nobody."""
    known = _bearer(region, _CHEMNITZ, Role.SYSTEM, Purpose.RECORD_MANAGEMENT)
    stranger = _bearer(region, _CHEMNITZ, Role.PATIENT, Purpose.PATIENT_REQUEST)
    refused = 0
    with httpx.Client(base_url=f"{url}/sites/{_CHEMNITZ}/", timeout=30) as http:
        for who in (known, stranger, {}, {"Authorization": f"Bearer {FAMILY}"}):
            for method, path, headers, content in bad_requests():
                answer = http.request(
                    method, f"fhir/{path}".rstrip("/"), headers={**who, **headers}, content=content
                )
                refused += answer.status_code >= 400
                if answer.status_code >= 400:
                    kept.keep("error answers", f"{answer.headers} {_said(answer)}")
        admin = {"Content-Type": "application/json"} | known
        for path, content in (("admin/count", f'{{"{FAMILY}": "{NOTE}"}}'), ("admin/count", FAMILY)):
            kept.keep("error answers", http.post(path, content=content.encode(), headers=admin).text)
        for path in (f"admin/{FAMILY}", f"linkage/transport-id?patient={FAMILY}", "metrics"):
            answer = http.get(path, headers=known)
            assert answer.status_code in (404, 403), path
            kept.keep("error answers", answer.text)
    assert refused > 130, "bad requests are refused"


def _said(answer: httpx.Response) -> str:
    """The text, decoded as a reader would; JSON without its escapes."""
    try:
        return repr(answer.json())
    except ValueError:
        return answer.text


def _crash(region: OpenRegion, url: str, kept: Caught) -> None:
    """Defects whose text holds a value: in a page and in the FHIR API."""

    def defect(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{FAMILY} {NOTE}")

    visitor = Visitor(url).sign_in("patient")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patient_routes, "results_of", defect)
        patch.setattr(site_api, "read", defect)
        answer = visitor._client.get("/p/befunde")
        assert answer.status_code == 500
        kept.keep("error pages", answer.text)
        known = _bearer(region, _CHEMNITZ, Role.SYSTEM, Purpose.RECORD_MANAGEMENT)
        crashed = httpx.get(f"{url}/sites/{_CHEMNITZ}/fhir/Patient/marked", headers=known)
        assert crashed.status_code == 500
        kept.keep("error answers", crashed.text)


def _visit_badly(region: OpenRegion, url: str, kept: Caught) -> None:
    """Pages that are not there, forms that do not hold, files that can not be read."""
    for persona, paths in _WRONG_PAGES.items():
        visitor = Visitor(url).sign_in(persona)
        for path in paths:
            answer = visitor._client.get(path)
            assert answer.status_code >= 400, (persona, path, answer.status_code)
            kept.keep("error pages", answer.text)
            answer = visitor._client.post(path, data={"_csrf": FAMILY, "name": NOTE})
            assert answer.status_code >= 400, (persona, path)
            kept.keep("error pages", answer.text)
    engineer = Visitor(url).sign_in("site-engineer")
    for name in ("c.ndjson", "d.json", "g0.xml", "g3.xml"):
        content = (region.settings.data_dir.parent / "broken" / name).read_bytes()
        engineer.visit("/a/import").upload("file", name, content, action="/a/import")
        kept.keep("engineer's pages", engineer.text())
    for page in ("/a", "/a/import", "/a/quarantaene", "/a/quarantaene/1", "/a/qualitaet"):
        kept.keep("engineer's pages", engineer.visit(page).text())


_WRONG_PAGES = {
    "patient": (f"/p/befunde/chemnitz/{FAMILY}", f"/p/befunde/{FAMILY}/{GIVEN}", f"/p/{NOTE}"),
    "gp": (f"/t/{FAMILY}", f"/t/personen/{FAMILY}", f"/t/frueherkennung/{FAMILY}", f"/r/{FAMILY}"),
    "board-coordinator": (f"/tb/{FAMILY}", f"/tb/faelle/{FAMILY}"),
    "researcher": (f"/r/{FAMILY}", f"/r/frage/{FAMILY}", f"/p/{FAMILY}"),
    "site-engineer": (f"/a/{FAMILY}", f"/t/{FAMILY}"),
}


def _tables(url: str) -> list[str]:
    """Every row of every table, with bytes also as text."""
    rows: list[str] = []
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert tables
        for schema, table in tables:
            query = sql.SQL("SELECT * FROM {}.{}").format(sql.Identifier(schema), sql.Identifier(table))
            for row in connection.execute(query):
                rows += [
                    value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    for value in row
                ]
    return rows


def _command_line(folder: Path) -> list[str]:
    """The command line on a site of its own: import, dry run, a count that can not be counted."""
    site, question = folder / "own", folder / "question.json"
    question.write_text(f'{{"version": "{FAMILY}", "inclusionCriteria": "{NOTE}"}}')
    commands = (
        ["site", "init", str(site), "--member", "own-clinic"],
        ["site", "import", "--site", str(site), str(folder / "good"), str(folder / "broken")],
        ["site", "import", "--site", str(site), "--json", str(folder / "broken")],
        ["site", "count", "--site", str(site), str(question)],
        ["site", "status", "--site", str(site)],
    )
    said = []
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "mihub", *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said += [done.stdout, done.stderr]
        assert done.returncode in (0, 64, 65), (command, done.stderr)
    assert any('"rejected"' in text for text in said)
    return said


def _forms(marker: str) -> set[str]:
    """A marker as it may be written: plain, lower case, URL, JSON, hexadecimal, base64 at each offset."""
    content = marker.encode()
    shifted = (base64.b64encode(b"\0" * lead + content)[4 if lead else 0 : -4].decode() for lead in range(3))
    return {marker, marker.lower(), marker.upper(), content.hex(), *(one for one in shifted if len(one) >= 8)}


@pytest.mark.parametrize(
    "where",
    [
        "log",
        "standard output and error",
        "command line",
        "error answers",
        "error pages",
        "engineer's pages",
        "import reports",
        "server log",
        "tables of hub",
        "tables of trust",
    ],
)
def test_no_marker_stands_where_no_patient_value_may(caught: Caught, where: str) -> None:
    texts = caught.texts[where]
    for marker in MARKERS:
        for written in _forms(marker):
            found = [text for text in texts if written in text]
            assert not found, f"{marker} as {written} in {where}: {_around(found[0], written)}"


def _around(text: str, mark: str) -> str:
    at = text.index(mark)
    return text[max(0, at - 160) : at + 100]


def test_the_markers_would_be_found(caught: Caught) -> None:
    """A test that can not fail proves nothing: each kind of place held something, and a planted marker is seen."""
    silent = {where for where, texts in caught.texts.items() if len("".join(texts)) < 20}
    # Nothing at all on the terminal and from the server is the best there can be; the log names the crashes.
    assert silent <= {"standard output and error", "server log"}
    assert any("RuntimeError" in text for text in caught.texts["log"])
    for written in _forms(FAMILY):
        planted = f"xx{written}xx"
        assert any(one in planted for one in _forms(FAMILY))


def test_no_form_puts_what_somebody_typed_into_an_address() -> None:
    """A form that is sent by GET may offer choices, never a field for words: addresses are kept and shared."""
    templates = sorted((SRC / "portals").rglob("*.html"))
    assert len(templates) > 20
    for path in templates:
        for form in re.findall(r"<form\b.*?</form>", path.read_text(encoding="utf-8"), re.DOTALL):
            sent_by_post = re.match(r'<form\b[^>]*\bmethod="post"', form)
            typed = re.search(r'<textarea|<input\b[^>]*type="(?:text|search|date|tel|email|number)"', form)
            assert sent_by_post or not typed, f"{path.relative_to(SRC)} sends words by GET"
