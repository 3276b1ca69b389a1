"""Story 7: a delivery with bad records; the engineer sees why, corrects them, tries again, and they are gone."""

from __future__ import annotations

from pathlib import Path

import orjson

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.policy.actor import MemberId
from mihub.site.ingest.refusing import Intake
from mihub.site.quarantine.door import Door
from mihub.site.quarantine.levels import levels_of
from mihub.site.validate.validator import ProfileValidator
from tests.browser.conftest import Served
from tests.browser.window import Window

_PATIENT = {"resourceType": "Patient", "id": "browser-story-7", "gender": "female", "birthDate": "1957-03-02"}
_KIND = "application/octet-stream"


def _observation(number: int, **more: object) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"browser-story-7-{number}",
        "status": "final",
        "code": {"text": "CRP"},
        "subject": {"reference": "Patient/browser-story-7"},
        **more,
    }


def _delivery() -> bytes:
    rows = [
        _PATIENT,
        _observation(1),
        _observation(2, status="fertig"),
        _observation(3, valueQuantity={"value": "12,5", "unit": "mg/l"}),
        _observation(4),
    ]
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _hand_in(window: Window, name: str, content: bytes) -> None:
    window.page.locator("input[type=file]").first.set_input_files(
        [{"name": name, "mimeType": _KIND, "buffer": content}]
    )


def _only_observations(window: Window) -> None:
    # Other stories load files into the same site; what they left there is none of this one's business.
    window.field("Art").select_option("Observation")
    window.press("Anzeigen")


def test_bad_records_are_seen_corrected_tried_again_and_gone(window: Window) -> None:
    window.sign_in("site-engineer")
    window.menu("Daten laden")
    _hand_in(window, "labor-story-7.ndjson", _delivery())
    window.press("Laden", within="main form")
    window.reads("Zeile 3", "Zeile 4", "Observation.status", "2 Datensätze sind zurückgestellt")
    window.accessible()

    window.menu("Zurückgestellt")
    window.reads("labor-story-7.ndjson", "Observation.status", "wartet")
    window.picture("quarantine-list", full_page=True)
    window.accessible()
    _only_observations(window)
    window.reads("2 Datensätze")
    window.page.get_by_role("link", name="Datensatz Nr.").last.click()
    window.page.wait_for_load_state()
    window.reads(
        "Observation/browser-story-7-2", "Was zu tun ist", "Ihre Rolle sieht keine Daten von Menschen"
    )
    assert "fertig" not in window.text(), "an engineer sees no value of a record"
    window.picture("quarantine-item", full_page=True)
    window.accessible()

    # Trying it as it is changes nothing; without a reason nothing is discarded.
    window.press("Erneut versuchen")
    window.reads("wieder zurückgestellt")
    window.field("Berichtigter Text").fill(orjson.dumps(_observation(2)).decode())
    window.press("Berichtigten Text behalten")
    window.reads("hält die Regeln ein", "berichtigt")
    window.accessible()
    window.press("Erneut versuchen")
    window.reads("Der Datensatz ist gespeichert")
    _only_observations(window)
    window.reads("Ein Datensatz")

    # The other one by a file, and all together.
    window.page.get_by_role("link", name="Datensatz Nr.").first.click()
    window.page.wait_for_load_state()
    _hand_in(
        window, "besser.json", orjson.dumps(_observation(3, valueQuantity={"value": 12.5, "unit": "mg/l"}))
    )
    window.press("Berichtigten Text behalten")
    window.menu("Zurückgestellt")
    _only_observations(window)
    window.press("Diese Auswahl erneut versuchen")
    window.reads("Gespeichert: 1. Wieder zurückgestellt: 0.")

    window.menu("Datenqualität")
    window.reads(
        "Ohne Fehler", "Nach Profil", "Die häufigsten Befunde", "Observation.status", "Ihre Rolle sieht keine"
    )
    window.picture("data-quality", full_page=True)
    window.accessible()


def test_who_sees_records_sees_the_text_with_its_places(
    window: Window, served: Served, tmp_path: Path
) -> None:
    site = served.region.sites[MemberId("dresden")]
    record = site.record
    path = tmp_path / "messwerte.ndjson"
    bad = _observation(9, valueQuantity={"value": "12,5", "unit": "mg/l"}) | {
        "subject": {"display": "Geheimnis"}
    }
    path.write_bytes(orjson.dumps(bad) + b"\n")
    strict = Door(ProfileValidator(core_definitions(), best_practice=False), levels_of("reject"))
    site.importer(intake=Intake(strict, record.quarantine, record.tally, lambda name: Path(name).name)).run(
        [path]
    )

    window.sign_in("board-coordinator")
    window.menu("Zurückgestellt")
    window.link("Datensatz Nr.")
    window.reads("Geheimnis", "Dass Sie ihn ansehen, ist aufgeschrieben")
    assert window.page.locator(".source mark").all_inner_texts() == ['"value": "12,5",']
    assert window.field("Berichtigter Text").input_value().startswith("{")
    window.picture("quarantine-text", at="#text")
    window.accessible()
    window.page.locator(".finding-link").first.click()
    assert window.path.startswith("/a/quarantaene/")
    window.field("Begründung").fill("Testdaten des Labors")
    window.press("Verwerfen")
    window.reads("Der Datensatz ist verworfen", "Hier ist nichts zurückgestellt")
    window.menu("Datenqualität")
    window.reads("Beispiel", "Observation/browser-story-7-9", "prüfen und zählen")
    window.accessible()
