"""Names and dates as they are written at different desks, brought to one form; and how a German name sounds.

Umlauts are written out, titles and name particles dropped, double names split. Source of the sound code: H.
J. Postel, Die Kölner Phonetik, IBM-Nachrichten 19 (1969). Above: `encode`. Keeps nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from mihub.core.fhir import Resource

KVNR_SYSTEM = "http://fhir.de/sid/gkv/kvid-10"
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "a"})
_TITLES = ("dr", "prof", "med", "dent", "phil", "rer", "nat", "habil", "h", "c", "mult", "dipl", "ing")
_PARTICLES = ("von", "vom", "van", "der", "den", "de", "zu", "zur", "zum", "und", "auf")
_RANKS = ("freiherr", "freifrau", "graf", "graefin")
_DROPPED = frozenset((*_TITLES, *_PARTICLES, *_RANKS))
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_KVNR = re.compile(r"[A-Z]\d{9}")


@dataclass(frozen=True, slots=True)
class Identity:
    """What linkage looks at. Lists are without order; an unknown part is empty.

    `insurance`: insurance number with a valid check digit. `family` holds the birth name too.
    """

    given: tuple[str, ...]
    family: tuple[str, ...]
    birth_date: tuple[str, str, str] | None
    sex: str
    postal_code: str
    insurance: str


def identity_of(patient: Resource) -> Identity:
    """The parts of a FHIR Patient, normalised; what has another shape than FHIR gives it is no part."""
    names = [name for name in _listed(patient.get("name")) if isinstance(name, dict)]
    given = [part for name in names for text in _listed(name.get("given")) for part in name_parts(text)]
    family = [part for name in names for part in name_parts(name.get("family"))]
    addresses = [one for one in _listed(patient.get("address")) if isinstance(one, dict)]
    return Identity(
        given=tuple(dict.fromkeys(given)),
        family=tuple(dict.fromkeys(family)),
        birth_date=_date(patient.get("birthDate")),
        sex=str(patient.get("gender", ""))[:1],
        postal_code=str(addresses[0].get("postalCode", "")) if addresses else "",
        insurance=_insurance(_listed(patient.get("identifier"))),
    )


def name_parts(text: Any) -> list[str]:
    """The parts of a name: small letters a-z only, without titles and particles; empty for no name."""
    if not isinstance(text, str):
        return []
    plain = text.lower().translate(_WRITTEN_OUT)
    plain = "".join(sign for sign in unicodedata.normalize("NFD", plain) if not unicodedata.combining(sign))
    parts = [part for part in re.split(r"[^a-z]+", plain) if part]
    return [part for part in parts if part not in _DROPPED] or parts


def sound(name: str) -> str:
    """The Cologne sound code of one normalised part: digits, equal for names that sound alike ("" for
    h, "")."""
    codes = [_sound_of(name, place) for place in range(len(name))]
    joined = "".join(codes)
    single = re.sub(r"(.)\1+", r"\1", joined)
    return single[:1] + single[1:].replace("0", "")


def _sound_of(name: str, place: int) -> str:
    letter, before, after = name[place], name[place - 1 : place], name[place + 1 : place + 2]
    if letter in "aeijouy":
        return "0"
    if letter == "p":
        return "3" if after == "h" else "1"
    if letter in "dt":
        return "8" if after and after in "csz" else "2"
    if letter == "c":
        return _sound_of_c(before, after)
    if letter == "x":
        return "8" if before and before in "ckq" else "48"
    return {"b": "1", "f": "3", "v": "3", "w": "3", "g": "4", "k": "4", "q": "4", "l": "5"}.get(
        letter, {"m": "6", "n": "6", "r": "7", "s": "8", "z": "8"}.get(letter, "")
    )


def _sound_of_c(before: str, after: str) -> str:
    if not before:
        return "4" if after and after in "ahkloqrux" else "8"
    if before in "sz":
        return "8"
    return "4" if after and after in "ahkoqux" else "8"


def _date(text: Any) -> tuple[str, str, str] | None:
    match = _DATE.fullmatch(text) if isinstance(text, str) else None
    return (match[1], match[2], match[3]) if match else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _insurance(identifiers: list[Any]) -> str:
    for one in identifiers:
        value = one.get("value") if isinstance(one, dict) and one.get("system") == KVNR_SYSTEM else None
        if isinstance(value, str) and _KVNR.fullmatch(value) and _checks(value):
            return value
    return ""


def _checks(number: str) -> bool:
    # GKV-Spitzenverband, Krankenversichertennummer: Luhn over letter position and digits, factors 1 and 2.
    digits = f"{ord(number[0]) - 64:02d}{number[1:9]}"
    products = (int(digit) * (1 + place % 2) for place, digit in enumerate(digits))
    return sum(product // 10 + product % 10 for product in products) % 10 == int(number[9])
