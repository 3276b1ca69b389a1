"""`mihub demo --check`: the six stories, walked over HTTP as their users would, without JavaScript.

A story sees only what pages say. One failed story does not stop the others. Above: `demo`. Below: `visitor`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from mihub.apps.region import OpenRegion
from mihub.apps.visitor import Astonished, Visitor
from mihub.core.policy.actor import MemberId
from mihub.errors import MihubError


@dataclass(frozen=True, slots=True)
class Result:
    """One story; `reason` says what was not as told, and is empty when it passed."""

    story: str
    passed: bool
    reason: str = ""


_PATIENCE_SECONDS = 20

Story = Callable[[Visitor, OpenRegion], None]


def walk(url: str, region: OpenRegion) -> list[Result]:
    """All six, in order, each by a fresh visitor."""
    return [_walk(name, story, url, region) for name, story in STORIES]


def _walk(name: str, story: Story, url: str, region: OpenRegion) -> Result:
    visitor = Visitor(url)
    try:
        story(visitor, region)
    except MihubError as error:
        return Result(name, passed=False, reason=str(error))
    except httpx.HTTPError as error:
        return Result(name, passed=False, reason=f"{visitor.path}: {type(error).__name__}")
    finally:
        visitor.close()
    return Result(name, passed=True)


def _name(region: OpenRegion, case: str) -> str:
    return str(region.region.document["cases"][case]["name"])


def patient(visitor: Visitor, region: OpenRegion) -> None:
    """Sign in, see what is next and whom to call, the journey, a result, who has looked."""
    visitor.sign_in("patient").reads("Kerstin Muster-Test", "112")
    visitor.visit("/p/verlauf").reads("Uniklinikum Elbaue", "Klinikum Erzgebirgsblick")
    visitor.visit("/p/befunde").follow(href="/p/befunde/")
    visitor.visit("/p/zugriffe").reads("Kerstin Muster-Test")


def general_practitioner(visitor: Visitor, region: OpenRegion) -> None:
    """Practice list, eligibility with its arithmetic, referral to radiology."""
    visitor.sign_in("gp").visit("/t/vorsorge").reads(_name(region, "screening_due"))
    visitor.follow(href="/t/vorsorge/", text=_name(region, "screening_due"))
    visitor.reads("LuKrFrühErkV", "Packungsjahre")
    page = visitor.path
    checked = visitor.values("checked")
    visitor.submit({"checked": checked[:1], "suitability": "geeignet"}, action="/ueberweisen", ok=(422,))
    visitor.visit(page).submit({"checked": checked, "suitability": "geeignet"}, action="/ueberweisen")
    visitor.reads(_name(region, "screening_due"), "Radiologie am Markt")
    visitor.sign_in("radiologist").visit("/t/ueberweisungen").follow(text=_name(region, "screening_due"))
    visitor.submit({}, action="/schritt", button="").reads("Radiologie am Markt")


def tumour_board(visitor: Visitor, region: OpenRegion) -> None:
    """Register prefilled, decide, co-sign, release, close the loop with a reason."""
    person = _name(region, "board_candidate")
    visitor.sign_in("board-coordinator").visit("/tb/anmelden")
    visitor.submit({"name": person.split()[-1]}, action="/tb/anmelden")
    visitor.follow(href="/tb/anmelden/", text="").reads("DLCO")
    visitor.submit(
        {"question": "Therapieempfehlung?", "session": visitor.values("session")[-1]}, button="nmelden"
    )
    case = f"/tb/fall/{_part(visitor.visit('/tb').follow(text=person).path, 3)}"
    visitor.visit(f"{case}/beschluss").submit(
        {
            "kind-1": visitor.values("kind-1")[0],
            "text-1": "Beispieltext der Demo",
            "responsible-1": "chemnitz",
            "name-1": "Prof. Dr. Helene Weiß",
            "discipline-1": visitor.values("discipline-1")[0],
            "preference": "Beispieltext der Demo",
        },
        action="/beschluss",
    )
    visitor.sign_in("oncologist").visit(f"{case}/beschluss").submit({}, action="/unterschrift")
    words = {
        "patient_text": "Beispieltext der Demo in einfachen Worten.",
        "gp_text": "Beispieltext der Demo.",
    }
    visitor.visit(f"{case}/freigabe").submit(words, action="/freigabe")
    visitor.visit("/tb/nachverfolgung").reads(person).follow(href=f"{case}/empfehlung/")
    visitor.submit(
        {"outcome": "deviated", "reason": visitor.values("reason")[0], "text": "Beispieltext der Demo"},
        action="/empfehlung/",
    )
    visitor.visit("/tb/nachverfolgung").reads(person, "Beispieltext der Demo")


def aftercare(visitor: Visitor, region: OpenRegion) -> None:
    """A plan from a versioned schedule, anchored at the end of therapy, then the due list."""
    person = _name(region, "aftercare_candidate")
    visitor.sign_in("gp").visit("/t/nachsorge").reads(_name(region, "aftercare_overdue"))
    visitor.visit("/t/patienten").submit({"name": person.split()[-1]}, action="/t/patienten").follow(
        text=person
    )
    visitor.follow(href="/neu").reads("nicht geprüft")
    visitor.submit({"schedule": visitor.values("schedule")[0], "act": "preview"}, action="/neu")
    visitor.submit({"act": "create"}, action="/neu")
    visitor.visit("/t/nachsorge").reads(person)


def researcher(visitor: Visitor, region: OpenRegion) -> None:
    """A cohort from codes, dates and values; counts through the mailbox; a silent site named; equal to the site's own."""
    silent, own = MemberId("cottbus"), MemberId("chemnitz")
    region.sites[silent].answers = False
    try:
        visitor.sign_in("researcher").visit("/r/kohorte")
        visitor.submit({"in-0-0-codes": "C34", "title": "Lungenkrebs", "act": "ask"}, action="/r/kohorte")
        page = visitor.path
        _answered(visitor, page, expected=len(region.sites) - 2)
        visitor.reads(region.region.member(silent).name, "wartet seit", "<10")
        ccdl = visitor.pre()
    finally:
        region.sites[silent].answers = True
    _answered(visitor, page, expected=len(region.sites) - 1)
    counted = visitor.row(region.region.member(own).name)
    visitor.sign_in("site-engineer").visit("/a/zaehlung").submit({"ccdl": ccdl}, action="/a/zaehlung")
    exact, shown = visitor.figure("with-consent"), visitor.figure("would-show")
    if counted[1] != shown or (shown.isdigit() and shown != exact):
        raise Astonished("The researcher's number is not the one that the site's own engineer sees.")


def site_engineer(visitor: Visitor, region: OpenRegion) -> None:
    """Import a sound file and a broken one: what was loaded, what was rejected and why; then count."""
    sound = b'{"resourceType":"Patient","id":"check-engineer","gender":"female"}\n{"resourceType":"Nonsense","id":"1"}\n'
    visitor.sign_in("site-engineer").visit("/a").reads("Klinikum Erzgebirgsblick")
    visitor.visit("/a/import").upload("file", "check.ndjson", sound, action="/a/import")
    visitor.reads("check.ndjson", "Zeile 2")
    visitor.visit("/a/import").upload(
        "file",
        "broken.xml",
        b"<oBDS xmlns='http://www.basisdatensatz.de/oBDS/XML'><Menge",
        action="/a/import",
    )
    visitor.reads("broken.xml")
    visitor.visit("/a/zaehlung").submit({}, action="/a/zaehlung")
    if not visitor.figure("before").isdigit():
        raise Astonished("The engineer's count is no number.")


def _answered(visitor: Visitor, page: str, *, expected: int) -> None:
    """Reload until so many sites have answered."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while visitor.visit(page).text().count("Geantwortet") < expected:
        if time.monotonic() > until:
            raise Astonished(f"Fewer than {expected} sites have answered after {_PATIENCE_SECONDS} s.")
        time.sleep(0.1)


def _part(path: str, number: int) -> str:
    return path.split("?")[0].split("/")[number]


STORIES: tuple[tuple[str, Story], ...] = (
    ("1 Patient: one journey across sites", patient),
    ("2 GP: screening eligibility and referral", general_practitioner),
    ("3 Tumour board: from registration to a closed loop", tumour_board),
    ("4 Aftercare: plan, appointments, due list", aftercare),
    ("5 Researcher: counts per site", researcher),
    ("6 Site engineer: import and count", site_engineer),
)
