"""Story 3: a case registered and prefilled, the session, a recommendation, two signatures, release, and its end with a reason."""

from __future__ import annotations

from tests.browser.conftest import Served
from tests.browser.window import Window

_WISH = "Möchte in der Nähe der Wohnung behandelt werden."
_ADVICE = "Vier Zyklen, danach neue Vorstellung."


def test_a_case_goes_from_registration_to_its_end(window: Window, served: Served) -> None:
    person = served.name("board_candidate")
    _register(window, person)
    _look_at_the_session(window, person)
    case = _open_the_case(window, person)
    _draft(window)
    _sign(window, case, person)
    _release(window)
    _hidden_no_longer(window, served, person)
    _close_with_a_reason(window, person)


def _register(window: Window, person: str) -> None:
    window.go("/")
    window.page.get_by_role("button", name="Koordination Tumorboard").click()
    window.page.wait_for_url("**/t*")
    window.menu("Tumorboards")
    window.accessible()
    window.menu("Fall anmelden")
    window.field("Name").fill(person.split()[-1])
    window.press("Suchen")
    window.accessible()
    window.link(f"{person} anmelden")
    window.reads(
        person, "Das wissen die Häuser", "Eine Angabe fehlt noch", "DLCO", "Kann liefern", "nicht geprüft"
    )
    window.accessible()
    window.field("Frage an das Board").fill("Welche Behandlung zuerst?")
    window.press("Fall anmelden", within="main form")
    window.reads("Der Fall ist angemeldet.", person)


def _look_at_the_session(window: Window, person: str) -> None:
    window.link("Zur Sitzung")
    window.reads(person, "Welche Behandlung zuerst?", "Angemeldet")
    window.accessible()


def _open_the_case(window: Window, person: str) -> str:
    window.link(person)
    assert window.heading() == person
    window.reads("Welche Behandlung zuerst?", "Plattenepithelkarzinom", "Uniklinikum Elbaue", "fehlt")
    window.picture("board-case")
    window.accessible()
    case = window.path
    window.page.locator(".finding-origin a").first.click()
    window.reads("Quelle des Eintrags", "Uniklinikum Elbaue")
    window.accessible()
    window.link("Zurück zum Fall")
    window.link("Beamer-Ansicht")
    window.accessible()
    window.link("Beamer-Ansicht verlassen")
    return case


def _draft(window: Window) -> None:
    window.link("Beschluss erfassen")
    window.accessible()
    window.page.get_by_label("Art der Empfehlung").first.select_option(label="Chemo- und Immuntherapie")
    window.page.get_by_label("Zuständig").first.select_option(value="chemnitz")
    window.field("Was genau wird empfohlen?").fill(_ADVICE)
    window.field("Name 1").fill("Prof. Dr. Helene Weiß")
    window.page.get_by_label("Fach 1").select_option(index=1)
    window.field("Wunsch der Patientin oder des Patienten").fill(_WISH)
    window.press("Entwurf speichern")
    window.reads("Der Entwurf ist gespeichert", "Wer den Entwurf schreibt, unterschreibt ihn nicht")
    window.accessible()


def _sign(window: Window, case: str, person: str) -> None:
    window.sign_in("oncologist")
    window.menu("Tumorboards")
    window.link(f"Entwurf prüfen und unterschreiben für {person}")
    assert window.path.startswith(case)
    window.press("Beschluss unterschreiben")
    window.reads("Der Beschluss gilt. Er ist noch nicht freigegeben.")
    window.go(f"{case}/beschluss")
    window.reads("Beschluss des Tumorboards", "nicht freigegeben", _ADVICE, _WISH)
    window.accessible()


def _release(window: Window) -> None:
    window.link("Freigeben")
    window.reads("sehen weder die Patientin oder der Patient noch die Hausarztpraxis den Beschluss")
    window.accessible()
    window.field("Brief in einfachen Worten").fill("Das Board rät zu einer Behandlung mit Medikamenten.")
    window.field("Seite für die Praxis").fill("Chemo- und Immuntherapie empfohlen.")
    window.press("Jetzt freigeben")
    window.reads("Der Beschluss ist freigegeben.", "Offen")
    window.accessible()


def _hidden_no_longer(window: Window, served: Served, person: str) -> None:
    """What was released stands in the practice's history of the person."""
    practice = served.region.region.document["cases"]["board_candidate"]["numbers"]
    if "praxis-a" not in practice:
        return
    window.sign_in("gp")
    window.menu("Patienten")
    window.field("Name suchen").fill(person.split()[-1])
    window.press("Suchen")
    window.link(person)
    window.reads("Verlauf aus allen Häusern")
    window.accessible()


def _close_with_a_reason(window: Window, person: str) -> None:
    window.sign_in("board-coordinator")
    window.menu("Nachverfolgung")
    window.accessible()
    window.link(f"Empfehlung abschließen für {person}")
    window.accessible()
    window.page.get_by_role("radio", name="Nicht oder anders umgesetzt").check()
    window.field("Grund").select_option(index=1)
    window.field("Erläuterung").fill("Auf eigenen Wunsch später.")
    window.press("Vermerken")
    window.reads("Die Abweichung ist mit Grund vermerkt.")
    window.menu("Nachverfolgung")
    window.reads(person, "Auf eigenen Wunsch später.")
