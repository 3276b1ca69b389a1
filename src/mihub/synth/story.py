"""The special people of every region: the demo's story and one person for each case that tests and walks
look for.

They come first (person 0 …), with deliberately artificial names, and are written down without mistakes.
Dates count back from today. Source of the story: the cross-site case of one screening-detected lung cancer.
Above: `region`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from mihub.synth import people, records, story_courses
from mihub.synth.calendar import add_months, years_before
from mihub.synth.consent_state import ResearchConsent
from mihub.synth.life import Illness, Life
from mihub.synth.people import Person
from mihub.synth.screening_course import ScreeningCourse
from mihub.synth.tobacco import NEVER, Smoked, Tobacco


@dataclass(frozen=True, slots=True)
class Case:
    """One special person: what for, at which member tests look first, known where, and how the life is
    made.
    """

    key: str
    member: str
    given: str
    family: str
    sex: str
    age: int
    members: tuple[str, ...]
    make: Callable[[Life, date], Life]


def _ago(today: date, days: int) -> date:
    return today - timedelta(days=days)


def _smokes(person: Person, since: int, per_day: int) -> Tobacco:
    start = date(person.birth_date.year + since, 3, 1)
    return Tobacco("current", (Smoked(start, None, per_day),), "eligible")


def _kerstin(life: Life, today: date) -> Life:
    """Found by screening, operated near home, treated in Cottbus, in aftercare since six weeks."""
    birth = life.person.birth_date
    paused, again = date(birth.year + 30, birth.month, 1), date(birth.year + 34, birth.month, 1)
    smoked = (Smoked(date(birth.year + 19, birth.month, 1), paused, 18), Smoked(again, _ago(today, 180), 18))
    return replace(
        life,
        group="lung",
        tobacco=Tobacco("former", smoked, "cancer"),
        illnesses=(Illness("I10.90", _ago(today, 3300)), Illness("J44.99", _ago(today, 1500))),
        research=ResearchConsent("part", _ago(today, 185), without=("third_country",)),
        screening=ScreeningCourse(_ago(today, 215), (story_courses.clarify_scan(_ago(today, 205)),)),
        tumour=story_courses.kerstin(today),
    )


def _control(life: Life, today: date) -> Life:
    scan = story_courses.control_scan(_ago(today, 18))
    return replace(
        life,
        group="screening",
        tobacco=_smokes(life.person, 17, 20),
        illnesses=(Illness("I10.90", _ago(today, 2000)),),
        research=ResearchConsent("all", _ago(today, 30)),
        screening=ScreeningCourse(_ago(today, 30), (scan,)),
    )


def _due(life: Life, today: date) -> Life:
    return replace(life, group="screening", tobacco=_smokes(life.person, 18, 20))


def _not_eligible(life: Life, today: date) -> Life:
    start = date(life.person.birth_date.year + 18, 6, 1)
    smoked = Smoked(start, add_months(today, -146), 20)
    return replace(life, group="screening", tobacco=Tobacco("former", (smoked,), "ex_smoker_too_long"))


def _undecidable(life: Life, today: date) -> Life:
    return replace(life, group="screening", tobacco=Tobacco("current", (), "undecidable"))


def _board_candidate(life: Life, today: date) -> Life:
    return replace(
        life,
        group="lung",
        tobacco=_smokes(life.person, 16, 20),
        illnesses=(Illness("I25.19", _ago(today, 900)),),
        research=ResearchConsent("all", _ago(today, 5)),
        tumour=story_courses.board_candidate(today),
    )


def _overdue(life: Life, today: date) -> Life:
    return replace(
        life,
        group="lung",
        tobacco=Tobacco("former", (Smoked(date(1978, 5, 1), _ago(today, 700), 15),), "cancer"),
        research=ResearchConsent("all", _ago(today, 600)),
        tumour=story_courses.overdue(today),
    )


def _aftercare_candidate(life: Life, today: date) -> Life:
    return replace(
        life,
        group="lung",
        tobacco=Tobacco("former", (Smoked(date(1980, 5, 1), _ago(today, 400), 20),), "cancer"),
        research=ResearchConsent("all", _ago(today, 200)),
        tumour=story_courses.aftercare_candidate(today),
    )


def _withdrawn(life: Life, today: date) -> Life:
    return replace(
        life,
        group="lung",
        tobacco=_smokes(life.person, 18, 25),
        research=ResearchConsent("withdrawn", _ago(today, 400), withdrawn=_ago(today, 12)),
        tumour=story_courses.palliative(today, 410, "cottbus"),
    )


def _palliative(life: Life, today: date) -> Life:
    return replace(
        life,
        group="lung",
        tobacco=NEVER,
        research=ResearchConsent("expired", _ago(today, 5 * 365 + 200)),
        tumour=story_courses.palliative(today, 260, "cottbus"),
    )


CASES: tuple[Case, ...] = (
    Case(
        "story",
        "netzwerk",
        "Kerstin",
        "Muster-Test",
        "female",
        61,
        ("praxis-a", "chemnitz", "dresden", "cottbus", "netzwerk"),
        _kerstin,
    ),
    Case(
        "control_finding",
        "radiologie",
        "Bernd",
        "Kontroll-Test",
        "male",
        58,
        ("praxis-a", "radiologie", "dresden", "netzwerk"),
        _control,
    ),
    Case("screening_due", "praxis-a", "Uwe", "Vorsorge-Test", "male", 57, ("praxis-a",), _due),
    Case(
        "screening_not_eligible",
        "praxis-a",
        "Renate",
        "Beispiel-Test",
        "female",
        60,
        ("praxis-a",),
        _not_eligible,
    ),
    Case("screening_undecidable", "praxis-a", "Frank", "Offen-Test", "male", 63, ("praxis-a",), _undecidable),
    Case(
        "board_candidate",
        "dresden",
        "Manfred",
        "Konferenz-Test",
        "male",
        67,
        ("dresden", "praxis-a", "netzwerk"),
        _board_candidate,
    ),
    Case(
        "aftercare_overdue",
        "praxis-a",
        "Monika",
        "Nachsorge-Test",
        "female",
        66,
        ("chemnitz", "praxis-a", "netzwerk"),
        _overdue,
    ),
    Case(
        "aftercare_candidate",
        "cottbus",
        "Petra",
        "Abschluss-Test",
        "female",
        64,
        ("cottbus", "praxis-a", "netzwerk"),
        _aftercare_candidate,
    ),
    Case(
        "consent_withdrawn",
        "cottbus",
        "Dieter",
        "Widerruf-Test",
        "male",
        70,
        ("cottbus", "praxis-b", "netzwerk"),
        _withdrawn,
    ),
    Case(
        "palliative",
        "cottbus",
        "Ingrid",
        "Begleitung-Test",
        "female",
        73,
        ("cottbus", "praxis-b", "netzwerk"),
        _palliative,
    ),
)


def story_life(seed: int, index: int, today: date) -> Life:
    """The special person number `index`."""
    case = CASES[index]
    area = "lausitz" if case.members[0] == "cottbus" and "praxis-b" in case.members else "erzgebirge"
    drawn = people.person(seed, index, sex=case.sex, age=case.age, area=area, today=today)
    birth = max(drawn.birth_date, years_before(today, case.age + 1) + timedelta(days=20))
    person = replace(
        drawn, given=(case.given,), family=case.family, birth_family=case.family, birth_date=birth
    )
    if person.kvnr is None:
        person = people.publicly_insured(person)
    plain = Life(
        person,
        "practice",
        tuple(records.exact(person, member) for member in case.members),
        NEVER,
        (),
        ResearchConsent("none", today),
        story=case.key,
    )
    return case.make(plain, today)
