"""How each site wrote a person down: its own number, and its own mistakes.

Typos, swapped given names, umlauts written out, a birth name kept after marriage, an old address, a missing
insurance number, a second record of the same person. `truth.json` says which records are one person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

from mihub.synth import content
from mihub.synth.dice import Dice
from mihub.synth.members import BY_ID
from mihub.synth.people import Address, Person

_NUMBERS = 9_000_000
_FIRST_NUMBER = 1_000_000
_UMLAUTS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue"), ("ß", "ss"))


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """One person as one site knows them. `number` is the site's patient number, `id` the FHIR id of the
    Patient.
    """

    member: str
    number: str
    id: str
    sex: str
    given: tuple[str, ...]
    family: str
    birth_family: str | None
    birth_date: date
    address: Address
    phone: str
    kvnr: str | None
    insurer: str
    insurer_code: str


def patient_number(member: str, index: int, copy: int = 0) -> str:
    """The site's own number: a permutation of the people, another one at each site, so that numbers match
    nothing.
    """
    position = (index * 2 + copy + 1) * BY_ID[member].factor + 104_729
    return str(_FIRST_NUMBER + position % _NUMBERS)


def patient_id(member: str, number: str) -> str:
    """The FHIR id of the Patient: opaque, so that an address never shows a patient number."""
    return hashlib.sha256(f"{member}|{number}".encode()).hexdigest()[:16]


def _written_out(word: str) -> str:
    for umlaut, letters in _UMLAUTS:
        word = word.replace(umlaut, letters)
    return word


def _mistyped(dice: Dice, word: str) -> str:
    if len(word) < 4:
        return word
    place = dice.whole(1, len(word) - 3)
    kind = dice.whole(0, 2)
    if kind == 0:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    return word[:place] + word[place] + word[place:]


def _family(dice: Dice, person: Person, rates: dict[str, float]) -> str:
    married = person.birth_family != person.family
    family = person.birth_family if married and dice.chance(rates["birth_name_kept"]) else person.family
    return _mistyped(dice, family) if dice.chance(rates["typo"]) else family


def _given(dice: Dice, person: Person, rates: dict[str, float]) -> tuple[str, ...]:
    given = person.given if dice.chance(0.7) else person.given[:1]
    if len(given) > 1 and dice.chance(rates["swapped_given"] * 3):
        given = given[::-1]
    return (_mistyped(dice, given[0]), *given[1:]) if dice.chance(rates["typo"] / 2) else given


def exact(person: Person, member: str) -> SiteRecord:
    """The person as they are, without a mistake."""
    number = patient_number(member, person.index)
    return SiteRecord(
        member,
        number,
        patient_id(member, number),
        person.sex,
        person.given,
        person.family,
        person.birth_family if person.birth_family != person.family else None,
        person.birth_date,
        person.address,
        person.phone,
        person.kvnr,
        person.insurer,
        person.insurer_code,
    )


def as_written(seed: int, person: Person, member: str, copy: int = 0) -> SiteRecord:
    """The person as this site wrote them down."""
    dice, rates = Dice(seed, "record", person.index, member, copy), content.rates("records")
    number = patient_number(member, person.index, copy)
    family, given = _family(dice, person, rates), _given(dice, person, rates)
    if dice.chance(rates["transcribed_umlaut"]):
        family, given = _written_out(family), tuple(_written_out(name) for name in given)
    birth_date = person.birth_date
    if dice.chance(rates["wrong_birth_day"]):
        birth_date += timedelta(days=1 if birth_date.day < 15 else -1)
    named_before = person.birth_family not in (person.family, family) and dice.chance(0.5)
    return SiteRecord(
        member,
        number,
        patient_id(member, number),
        person.sex,
        given,
        family,
        person.birth_family if named_before else None,
        birth_date,
        person.old_address if dice.chance(rates["old_address"]) else person.address,
        person.phone,
        None if dice.chance(rates["missing_kvnr"]) else person.kvnr,
        person.insurer,
        person.insurer_code,
    )


def records_of(seed: int, person: Person, members: tuple[str, ...]) -> tuple[SiteRecord, ...]:
    """All records of a person in the region, now and then two at one hospital."""
    found = [as_written(seed, person, member) for member in members]
    dice = Dice(seed, "duplicate", person.index)
    doubled = [member for member in members if BY_ID[member].is_hospital]
    if doubled and dice.chance(content.rates("records")["duplicate_record"]):
        found.append(as_written(seed, person, dice.pick(doubled), copy=1))
    return tuple(found)
