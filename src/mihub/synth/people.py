"""Who the people are: names, birth, address, insurance. The truth, before any site wrote it down.

Never depends on how many people there are. Above: `records` (how each site wrote them), `life` (what
happened to them).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from mihub.synth import check_digits, content
from mihub.synth.calendar import years_before
from mihub.synth.dice import Dice


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody lives."""

    street: str
    house_number: str
    postal_code: str
    city: str


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the region. `birth_family` differs from `family` after a marriage; `kvnr` is None if
    privately insured.
    """

    index: int
    sex: str
    birth_date: date
    given: tuple[str, ...]
    family: str
    birth_family: str
    address: Address
    old_address: Address
    area: str
    phone: str
    kvnr: str | None
    insurer: str
    insurer_code: str

    @property
    def full_name(self) -> str:
        """Rufname and family name."""
        return f"{self.given[0]} {self.family}"


_KVNR_STEP, _KVNR_SPACE = 48_271_333, 100_000_000


def _kvnr(dice: Dice, index: int) -> str:
    # An affine permutation: no two people share the eight digits, and neighbours look unrelated.
    digits = (index * _KVNR_STEP + 31_415_927) % _KVNR_SPACE
    return check_digits.kvnr(dice.pick("ABCDEFGHJKLMNPRSTUVWX"), f"{digits:08d}")


def _address(dice: Dice, area: str) -> Address:
    names = content.names()
    place = dice.pick(names["places"][area])
    house = f"{dice.whole(1, 120)}{dice.pick(['', '', '', '', 'a', 'b'])}"
    return Address(dice.pick(names["streets"]), house, place["postal_code"], place["city"])


def _given(dice: Dice, sex: str) -> tuple[str, ...]:
    pool = content.names()[f"given_{sex}"]
    first = dice.pick(pool)
    second = dice.pick(pool)
    return (first, second) if dice.chance(0.32) and second != first else (first,)


def _birth_date(dice: Dice, today: date, age: int) -> date:
    return years_before(today, age) - timedelta(days=dice.whole(1, 364))


def _family_names(dice: Dice, sex: str, age: int) -> tuple[str, str]:
    """(birth name, name today): two of three women and one of ten men of this region changed it."""
    pool = content.names()["family"]
    birth = dice.pick(pool)
    changed = dice.chance(0.66 if sex == "female" else 0.10) and age > 25
    return birth, dice.pick(pool) if changed else birth


def person(seed: int, index: int, *, sex: str, age: int, area: str, today: date) -> Person:
    """One person of that sex, age and area."""
    dice = Dice(seed, "person", index)
    given = _given(dice, sex)
    birth_date = _birth_date(dice, today, age)
    birth_family, family = _family_names(dice, sex, age)
    private = dice.chance(content.rates("records")["private_insurance"])
    insurer = content.names()["private_insurer"] if private else dice.pick(content.names()["insurers"])
    return Person(
        index,
        sex,
        birth_date,
        given,
        family,
        birth_family,
        address=_address(dice, area),
        old_address=_address(dice, area),
        area=area,
        phone=f"+49 171 39200 {dice.whole(0, 99):02d}",
        kvnr=None if private else _kvnr(dice, index),
        insurer=insurer["name"],
        insurer_code=check_digits.iknr(insurer["iknr8"]),
    )


def twin_of(seed: int, index: int, first: Person) -> Person:
    """The twin: same birth, birth name, street; other given names, other insurance number, for some the
    same sex.
    """
    dice = Dice(seed, "twin", index)
    sex = first.sex if dice.chance(0.6) else ("male" if first.sex == "female" else "female")
    given = _given(dice, sex)
    if given[0] == first.given[0]:
        given = (next(name for name in content.names()[f"given_{sex}"] if name != first.given[0]),)
    return replace(
        first,
        index=index,
        sex=sex,
        given=given,
        family=first.birth_family,
        phone=f"+49 171 39200 {dice.whole(0, 99):02d}",
        kvnr=_kvnr(dice, index) if first.kvnr else None,
    )


def publicly_insured(person: Person) -> Person:
    """The same person in a statutory insurance, with an insurance number."""
    insurer = content.names()["insurers"][0]
    number = _kvnr(Dice("insured", person.index), person.index)
    return replace(
        person, kvnr=number, insurer=insurer["name"], insurer_code=check_digits.iknr(insurer["iknr8"])
    )
