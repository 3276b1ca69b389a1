"""Every text that ships is shown somewhere: a key that no template and no code names is a sentence nobody keeps true.

A key counts as used when it stands in full in the sources, or when a beginning that is completed at run time
(`"team.lane." ~ lane`, `f"board.state.{state}"`) leads to it. Event kinds of the journey are held to their table.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from mihub.portals.shell.texts import FOLDER, Texts

_ROOT = Path(__file__).resolve().parents[2] / "src" / "mihub"
_WHOLE = re.compile(r"""["']([a-z]+(?:\.[\w-]+)+)["']""")
# A beginning joined in a template, or in an f-string.
_BEGINNING = re.compile(r"""["']([a-z]+(?:\.[\w-]+)*[._])["']\s*~|f["']([a-z]+(?:\.[\w-]+)*[._])\{""")
_COUNTED = ("one", "many")


def _sources() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in _ROOT.rglob("*") if path.suffix in (".py", ".html")
    )


def unused(keys: frozenset[str], sources: str) -> list[str]:
    """The keys that nothing in the sources can ask for."""
    whole = set(_WHOLE.findall(sources))
    beginnings = tuple(one or other for one, other in _BEGINNING.findall(sources))
    return sorted(
        key
        for key in keys
        if key not in whole
        and not (key.rpartition(".")[2] in _COUNTED and key.rpartition(".")[0] in whole)
        and not key.startswith(beginnings)
    )


def test_every_text_is_used() -> None:
    assert unused(Texts.load(FOLDER).keys("de"), _sources()) == []


def test_the_check_finds_a_text_that_nobody_asks_for() -> None:
    sources = """t("a.title") t("a.kind." ~ kind) text_of(request, f"a.done_{act}") t("a.days", count=3)"""
    keys = frozenset({"a.title", "a.kind.x", "a.done_off", "a.days.one", "a.days.many", "a.lost"})
    assert unused(keys, sources) == ["a.lost"]


def test_both_languages_say_the_same_things() -> None:
    texts = Texts.load(FOLDER)
    assert texts.keys("de") ^ texts.keys("en") == frozenset()


def test_both_languages_take_the_same_values() -> None:
    places = {
        language: {
            key: set(re.findall(r"\{(\w+)\}", texts._catalogues[language][key]))
            for key in texts.keys(language)
        }
        for texts in (Texts.load(FOLDER),)
        for language in ("de", "en")
    }
    assert [key for key, names in places["de"].items() if places["en"][key] != names] == []


def test_every_kind_of_event_has_its_words() -> None:
    table = yaml.safe_load((FOLDER / "event-kinds.yaml").read_text(encoding="utf-8"))["kinds"]
    kinds = {str(entry["kind"]) for entries in table.values() for entry in entries}
    texts = Texts.load(FOLDER)
    shown = {kind for kind in kinds if not texts.has("de", f"journey.event.{kind}")}
    assert shown == set()
