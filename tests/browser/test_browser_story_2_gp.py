"""Story 2: practice list, screening eligibility with its arithmetic, what is missing, referral, the radiologist's answer."""

from __future__ import annotations

from tests.browser.conftest import Served
from tests.browser.window import Window

_REFER = "#ueberweisen"


def test_a_practice_checks_by_the_ordinance_and_refers(window: Window, served: Served) -> None:
    due = served.name("screening_due")
    window.go("/")
    window.page.get_by_role("button", name="Hausärztin in Freiberg").click()
    window.page.wait_for_url("**/t")
    window.accessible()
    window.menu("Patienten")
    window.accessible()
    window.menu("Vorsorge")
    window.reads(due, "LuKrFrühErkV", "Wer nicht in der Liste steht")
    window.accessible()

    window.page.locator("tr", has_text=due).get_by_role("link").click()
    assert window.heading() == due
    window.reads(
        "Die Untersuchung ist zulässig", "So wurde gerechnet", "Packungsjahre. Verlangt: mindestens 15"
    )
    window.picture("screening-eligibility", at="main .verdict")
    window.accessible()

    _refuses_an_unfinished_talk(window)
    _refer(window)
    window.reads("Die Überweisung ist abgeschickt", due, "Radiologie am Markt", "angefragt")
    window.accessible()
    window.menu("Überweisungen")
    window.accessible()
    _the_radiologist_answers(window, due)


def _refuses_an_unfinished_talk(window: Window) -> None:
    window.expected_status.add(422)
    window.field("Medizinische Eignung").fill("Belastbar, keine Luftnot.")
    window.page.locator(_REFER).get_by_label("Nutzen der Untersuchung besprochen").check()
    window.press("An Radiologie überweisen")
    window.reads("Bitte erledigen Sie jeden Punkt")
    assert window.field("Medizinische Eignung").input_value() == "Belastbar, keine Luftnot."
    window.accessible()


def _refer(window: Window) -> None:
    for box in window.page.locator(_REFER).locator("input[name=checked]").all():
        box.check()
    window.field("Medizinische Eignung").fill("Belastbar, keine Luftnot.")
    window.press("An Radiologie überweisen")


def _the_radiologist_answers(window: Window, due: str) -> None:
    window.sign_in("radiologist")
    window.reads(due)
    window.menu("Überweisungen")
    window.accessible()
    window.link(due)
    window.reads("Mitgeschickter Bericht", "Belastbar, keine Luftnot.")
    window.press("Annehmen")
    window.reads("Die Überweisung ist angenommen.")
    window.accessible()
    window.page.get_by_label("unauffällig").check()
    window.field("Beurteilung in Worten").fill("Kein verdächtiger Rundherd.")
    window.press("Abschließen und Ergebnis senden")
    window.reads("Das Ergebnis ist bei der Praxis", "abgeschlossen", "Kein verdächtiger Rundherd.")
    window.accessible()
    window.sign_in("gp")
    window.menu("Überweisungen")
    window.link(due)
    window.reads("Kein verdächtiger Rundherd.", "unauffällig")


def test_what_is_missing_is_asked_and_then_decided(window: Window, served: Served) -> None:
    window.sign_in("gp")
    window.menu("Vorsorge")
    window.link("Angaben fehlen")
    window.page.locator("tr", has_text=served.name("screening_undecidable")).get_by_role("link").click()
    window.reads("Noch nicht zu entscheiden", "die Rauchzeiten")
    window.accessible()
    window.page.get_by_text("Rauchzeit hinzufügen").click()
    begin = window.page.get_by_role("group", name="Beginn der Rauchzeit")
    begin.get_by_label("Monat").fill("3")
    begin.get_by_label("Jahr").fill("1983")
    window.field("Zigaretten am Tag").fill("18")
    window.press("Rauchzeit speichern")
    window.reads("Das Ergebnis ist neu berechnet", "18 Zigaretten am Tag")
    if "Noch nicht zu entscheiden" in window.text():
        window.page.get_by_label("Nein, noch keine").check()
        window.press("Antwort speichern")
    window.reads("Die Untersuchung ist zulässig")
    window.accessible()
