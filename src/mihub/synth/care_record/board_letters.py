"""What a board tells the patient in plain words and the practice on one page. Our own text, examples for
the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

_MONTHS = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)


def _day(day: date) -> str:
    return f"{day.day}. {_MONTHS[day.month - 1]} {day.year}"


def patient_note(day: date, kinds: Sequence[str], name: str, phone: str) -> str:
    """The note to the patient."""
    lines = "\n".join(f"{place}. {kind}" for place, kind in enumerate(kinds, 1))
    return (
        f"Liebe Patientin, lieber Patient,\n\nam {_day(day)} haben Fachleute über Ihre Behandlung "
        f"gesprochen. Dieses Treffen heißt Tumorkonferenz.\n\nDas schlagen die Fachleute vor:\n{lines}\n\n"
        "Sie entscheiden mit. Sie dürfen Fragen stellen und sich Zeit nehmen.\n"
        f"Bei Fragen rufen Sie an: {name}, {phone}."
    )


def gp_page(day: date, board: str, texts: Sequence[str], name: str) -> str:
    """The page for the practice."""
    lines = "\n".join(f"{place}. {text}." for place, text in enumerate(texts, 1))
    return (
        f"Beschluss der Tumorkonferenz vom {_day(day)} ({board})\n\nEmpfehlungen:\n{lines}\n\n"
        "Die Patientin oder der Patient hat eine Fassung in einfachen Worten erhalten.\n"
        f"Rückfragen: {board}, {name}."
    )
