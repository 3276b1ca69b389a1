"""The two texts of a release: plain words for the patient, one page for the general practice.

Put together from approved blocks, completed by the team. An open place `[[…]]` blocks the release. It
writes no advice of its own: every sentence stands in the catalogue or was typed by the board. Source:
`content/board/letters.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping

from babel.dates import format_date

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import BoardCase
from mihub.care.tumour_board.decision import Decision, Recommendation
from mihub.core.policy.actor import MemberId
from mihub.errors import InvalidInput

OPEN_PLACE = "[["
_GP_PAGE_CHARACTERS = 3000
_PATIENT_CHARACTERS = 4000


def patient_text(decision: Decision, language: str) -> str:
    """The draft of the note to the patient, with open places for the team."""
    blocks = catalogue.letters()["patient"][language]
    disciplines = sorted({_label(each.discipline, language) for each in decision.participants} - {""})
    opening = blocks["opening"].format(
        date=_day(decision, language), disciplines=", ".join(disciplines) or OPEN_PLACE + "…]]"
    )
    ordered = sorted(decision.recommendations, key=lambda each: each.priority)
    therapies = catalogue.letters()["therapies"]
    lines = [f"{place}. {therapies[each.kind][language]}" for place, each in enumerate(ordered, 1)]
    wish = blocks["wish"].format(preference=decision.preference) if decision.preference else ""
    parts = [opening, blocks["intro"] + "\n" + "\n".join(lines), wish, blocks["next"], blocks["closing"]]
    return "\n\n".join(part for part in parts if part)


def gp_text(case: BoardCase, decision: Decision, language: str, names: Mapping[MemberId, str]) -> str:
    """The page for the general practice. `names` maps members to their names."""
    blocks = catalogue.letters()["gp"][language]
    board = catalogue.board(case.board_id).name.in_language(language)
    ordered = sorted(decision.recommendations, key=lambda each: each.priority)
    parts = [
        blocks["heading"].format(date=_day(decision, language), board=board),
        blocks["question"].format(question=case.question),
        "\n".join([blocks["recommendations"], *(_line(each, language, names) for each in ordered)]),
        blocks["dissent"].format(dissent=decision.dissent) if decision.dissent else "",
        blocks["preference"].format(preference=decision.preference) if decision.preference else "",
        blocks["patient_note"],
        blocks["contact"].format(board=board, author=decision.author),
    ]
    return "\n\n".join(part for part in parts if part)


def check_text(text: str, where: str) -> None:
    """Raises `InvalidInput` for an empty text, an open place or more than a page."""
    limit = _PATIENT_CHARACTERS if where == "patient_text" else _GP_PAGE_CHARACTERS
    if not text.strip():
        raise _refused("The text is empty.", where)
    if OPEN_PLACE in text:
        raise _refused("The text still has an open place [[…]].", where)
    if len(text) > limit:
        raise _refused(f"The text is longer than one page ({limit} characters).", where)


def _refused(what: str, where: str) -> InvalidInput:
    return InvalidInput(
        what, where=where, rule="care.tumour_board.letters", next_step="Complete the text, then release."
    )


def _line(each: Recommendation, language: str, names: Mapping[MemberId, str]) -> str:
    words = catalogue.words()
    nobody = "not named" if language == "en" else "nicht benannt"
    return str(
        catalogue.letters()["gp"][language]["line"].format(
            priority=each.priority,
            therapy=catalogue.term(words.therapies, each.kind, "type of recommendation").label.in_language(
                language
            ),
            text=each.text.rstrip(". "),
            responsible=names.get(each.responsible, nobody) if each.responsible else nobody,
            due=format_date(each.due, "long", locale=language) if each.due else "–",
        )
    )


def _label(discipline: str, language: str) -> str:
    known = (each for each in catalogue.words().disciplines if each.code == discipline)
    found = next(known, None)
    return found.label.in_language(language) if found else ""


def _day(decision: Decision, language: str) -> str:
    return format_date(decision.day, "long", locale=language)
