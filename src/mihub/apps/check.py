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
from mihub.errors import MihubError


@dataclass(frozen=True, slots=True)
class Result:
    """One story; `reason` says what was not as told, and is empty when it passed."""

    story: str
    passed: bool
    reason: str = ""


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
    visitor.visit("/").sign_in("radiologist").visit("/t/ueberweisungen").follow(
        text=_name(region, "screening_due")
    )
    visitor.submit({}, action="/schritt", button="").reads("Radiologie am Markt")


def tumour_board(visitor: Visitor, region: OpenRegion) -> None:
    """Register prefilled, decide, co-sign, release, close the loop with a reason."""
    person = _name(region, "board_candidate")
    visitor.sign_in("board-coordinator").visit("/tb/anmelden").follow(href="/tb/anmelden/", text=person)
    visitor.reads("Diffusionskapazität")
    visitor.submit(
        {"question": "Therapieempfehlung?", "session": visitor.values("session")[-1]}, button="anmelden"
    )
    case = (
        visitor.links("/tb/fall/")[0].split("?")[0].removesuffix("/beschluss").removesuffix("/freigabe")
        if "/tb/fall/" not in visitor.path
        else visitor.path.split("?")[0]
    )
    visitor.visit("/").sign_in("oncologist").visit(f"{case}/beschluss")
    visitor.submit(
        {
            "kind-1": visitor.values("kind-1")[-1],
            "text-1": "Beispieltext der Demo",
            "responsible-1": "chemnitz",
            "name-1": "Prof. Dr. Helene Weiß",
            "discipline-1": visitor.values("discipline-1")[-1],
        },
        action="/beschluss",
        button="",
    )
    visitor.visit("/").sign_in("board-coordinator").visit(f"{case}/beschluss").submit(
        {}, action="/unterschrift"
    )
    visitor.visit(f"{case}/freigabe").submit({}, button="")
    visitor.visit("/tb/nachverfolgung").reads(person).follow(href=f"{case}/empfehlung/")
    visitor.submit(
        {"outcome": "deviated", "reason": visitor.values("reason")[-1], "text": "Wunsch der Patientin"},
        button="",
    )
    visitor.visit("/tb/nachverfolgung").reads(person)


def aftercare(visitor: Visitor, region: OpenRegion) -> None:
    """A plan from a versioned schedule, anchored at the end of therapy, then the due list."""
    person = _name(region, "aftercare_candidate")
    visitor.sign_in("gp").visit("/t/nachsorge").reads(_name(region, "aftercare_overdue"))
    visitor.visit("/t/patienten").submit({"name": person.split()[-1]}, action="/t/patienten").follow(
        text=person
    )
    visitor.follow(href="/neu").reads("nicht geprüft")
    visitor.submit({"schedule": visitor.values("schedule")[0]}, action="/neu", button="orschau")
    visitor.submit({}, action="/neu", button="anlegen")
    visitor.visit("/t/nachsorge").reads(person)


def researcher(visitor: Visitor, region: OpenRegion) -> None:
    """A cohort, asked of all sites through the mailbox; small cells are suppressed."""
    visitor.sign_in("researcher").visit("/r/kohorte")
    raise Astonished("not walked yet")


def site_engineer(visitor: Visitor, region: OpenRegion) -> None:
    """What was loaded, what was rejected and why; the same question, counted exactly."""
    visitor.sign_in("site-engineer").visit("/a")
    raise Astonished("not walked yet")


STORIES: tuple[tuple[str, Story], ...] = (
    ("1 Patient: one journey across sites", patient),
    ("2 GP: screening eligibility and referral", general_practitioner),
    ("3 Tumour board: from registration to a closed loop", tumour_board),
    ("4 Aftercare: plan, appointments, due list", aftercare),
    ("5 Researcher: counts per site", researcher),
    ("6 Site engineer: import and count", site_engineer),
)

_ = time
