"""Story 5: a cohort from codes, values and dates; counts per site through the mailbox; small cells hidden; a silent site named.

The count of one site is the one that its own engineer sees before it is suppressed.
"""

from __future__ import annotations

from mihub.core.policy.actor import MemberId
from tests.browser.conftest import Served
from tests.browser.window import Window

_SILENT, _OWN = MemberId("cottbus"), MemberId("chemnitz")
_PATIENCE_MS = 30_000


def test_counts_come_per_site_and_match_the_engineers(window: Window, served: Served) -> None:
    _build_a_cohort(window)
    served.region.sites[_SILENT].answers = False
    try:
        window.press("Alle Häuser fragen")
        page = window.path
        _answered(window, len(served.region.sites) - 2)
        silent = served.region.region.member(_SILENT).name
        window.reads("Lungenkrebs seit 2010", silent, "wartet seit", "<10", "Summe der Häuser")
        window.picture("research-counts", at="#stand")
        window.accessible()
    finally:
        served.region.sites[_SILENT].answers = True
    window.go(page)
    _answered(window, len(served.region.sites) - 1)
    row = window.page.locator("tr", has_text=served.region.region.member(_OWN).name)
    shown = row.locator("td.count").inner_text().strip()
    window.page.get_by_text("Die Frage als CCDL").click()
    document = window.page.locator("pre.json").inner_text()
    window.accessible()
    window.menu("Fragen")
    window.reads("Lungenkrebs seit 2010")
    window.accessible()
    _the_engineer_sees_the_same(window, document, shown)


def _build_a_cohort(window: Window) -> None:
    window.go("/")
    window.page.get_by_role("button", name="Forscher in Dresden").click()
    window.page.wait_for_url("**/r")
    window.accessible()
    window.link("Neue Frage stellen")
    window.accessible()
    window.field("Code suchen").fill("Lunge")
    window.page.get_by_role("button", name="Suchen: Diagnose").click()
    window.reads("C34")
    window.accessible()
    window.page.locator(".hit", has_text="C34").first.click()
    window.page.wait_for_load_state()
    assert "C34" in window.field("ICD-10-Codes").input_value()
    window.page.locator("summary", has_text="Zeitraum").first.click()
    after = window.page.get_by_role("group", name="Ab").first
    for part, value in (("Tag", "1"), ("Monat", "1"), ("Jahr", "2010")):
        after.get_by_label(part).fill(value)
    window.page.get_by_label("Weitere Bedingung").select_option(label="Alter")
    window.press("Bedingung hinzufügen")
    window.page.get_by_label("Vergleich").select_option(value="ge")
    window.field("Wert").fill("40")
    window.field("Name der Frage").fill("Lungenkrebs seit 2010")


def _answered(window: Window, expected: int) -> None:
    """The page itself asks again until so many sites have answered."""
    window.page.wait_for_function(
        "expected => (document.querySelector('#stand').innerText.match(/Geantwortet/g) || []).length >= expected",
        arg=expected,
        timeout=_PATIENCE_MS,
    )


def _the_engineer_sees_the_same(window: Window, document: str, shown: str) -> None:
    window.sign_in("site-engineer")
    window.menu("Zählen")
    window.field("Frage als CCDL").fill(document)
    window.press("Zählen", within="main form")
    exact = window.page.locator("[data-count=with-consent]").inner_text().strip()
    would_show = window.page.locator("[data-count=would-show]").inner_text().strip()
    assert exact.isdigit(), "the engineer's count is no number"
    assert shown == would_show, "the researcher's number is not the one that the site's own engineer sees"
    assert not shown.isdigit() or shown == exact
    window.accessible()
