"""Story 4: a plan from a versioned schedule anchored at the end of therapy, an appointment, the practice's due list."""

from __future__ import annotations

from tests.browser.conftest import Served
from tests.browser.window import Window


def test_a_plan_is_made_and_its_visits_come_due(window: Window, served: Served) -> None:
    person = served.name("aftercare_candidate")
    window.sign_in("gp")
    window.menu("Nachsorge")
    window.reads(served.name("aftercare_overdue"), "überfällig")
    window.picture("aftercare-due")
    window.accessible()

    window.link("Person auswählen")
    window.field("Name suchen").fill(person.split()[-1])
    window.press("Suchen")
    window.accessible()
    window.link(person)
    window.accessible()
    window.link("Nachsorgeplan erstellen")
    window.reads("Was die Häuser wissen", "Vorschlag:", "nicht geprüft", "noch niemandem")
    window.accessible()
    anchor = window.page.get_by_role("group", name="Ende der Therapie").get_by_label("Jahr").input_value()
    assert anchor.startswith("20"), "the end of therapy is not proposed"
    window.page.get_by_label("Prozessmodell des Verbundes").check()
    window.press("Vorschau zeigen")
    window.reads("Diese Termine entstehen")
    window.accessible()
    window.press("Plan anlegen")
    assert window.heading() == person
    window.reads("Terminreihe", "Ende der Therapie", "bekannt aus: Klinikum Spreewald", "Prozessmodell")
    window.accessible()
    _agree_on_a_day(window)

    window.menu("Nachsorge")
    window.reads(person)


def _agree_on_a_day(window: Window) -> None:
    first = window.page.locator(".visit").first
    first.locator("summary").click()
    first.get_by_label("Uhrzeit").fill("9:30")
    first.get_by_role("button", name="Termin vereinbaren").click()
    window.page.wait_for_load_state()
    window.reads("Der Termin ist vereinbart.", "vereinbart:", "09:30")
    with window.page.expect_download() as loading:
        window.page.get_by_role("link", name="Kalenderdatei laden").click()
    assert loading.value.suggested_filename.endswith(".ics")
