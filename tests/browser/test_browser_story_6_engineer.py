"""Story 6: an import with sound and broken records, its account, the state of the site, and the count of a question."""

from __future__ import annotations

from tests.browser.window import Window

_MIXED = (
    b'{"resourceType":"Patient","id":"browser-engineer","gender":"female","birthDate":"1961-05-01"}\n'
    b'{"resourceType":"Nonsense","id":"1"}\n'
    b'{"resourceType":"Observation","id":"browser-lab","status":"final",'
    b'"code":{"text":"CRP"},"subject":{"reference":"Patient/browser-engineer"}}\n'
    b'{"resourceType":"Condition","id":"browser-cut",\n'
)
_BROKEN = b"<oBDS xmlns='http://www.basisdatensatz.de/oBDS/XML'><Menge_Patient><Patient"


def test_an_import_gives_account_and_a_question_is_counted(window: Window) -> None:
    window.go("/")
    window.page.get_by_role("button", name="Datenintegration Chemnitz").click()
    window.page.wait_for_url("**/a")
    window.reads("Klinikum Erzgebirgsblick", "Stand des Standorts")
    window.accessible()
    window.menu("Daten laden")
    window.accessible()

    _hand_in(window, ("labor-november.ndjson", _MIXED), ("meldung-unvollstaendig.xml", _BROKEN))
    window.reads("Das Ergebnis", "labor-november.ndjson", "Zeile 2", "Zeile 4", "meldung-unvollstaendig.xml")
    account = window.page.locator("article").first
    figures = dict(
        zip(account.locator("dt").all_inner_texts(), account.locator("dd").all_inner_texts(), strict=True)
    )
    assert int(figures["Gelesene Datensätze"]) == int(figures["Geladen"]) + int(figures["Abgelehnt"])
    assert int(figures["Geladen"]) == 2
    window.picture("import-report", at="#neu")
    window.accessible()

    _hand_in(window, ("labor-november.ndjson", _MIXED))
    again = " ".join(window.page.locator("article").first.inner_text().split())
    assert "Neu 0" in again, "the same file twice made something new"
    assert "Unverändert 2" in again
    _count(window)


def _hand_in(window: Window, *files: tuple[str, bytes]) -> None:
    kind = "application/octet-stream"
    window.page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": kind, "buffer": content} for name, content in files]
    )
    window.press("Laden", within="main form")


def _count(window: Window) -> None:
    window.menu("Zählen")
    window.accessible()
    window.press("Zählen", within="main form")
    for figure in ("before", "with-consent"):
        assert window.page.locator(f"[data-count={figure}]").inner_text().strip().isdigit(), figure
    window.reads("Das Ergebnis")
    window.accessible()


def test_data_protection_sees_what_is_written_down(window: Window) -> None:
    window.sign_in("data-protection-officer")
    window.reads("Was aufgeschrieben wird", "Jeder Zugriff nennt einen Zweck")
    window.accessible()
