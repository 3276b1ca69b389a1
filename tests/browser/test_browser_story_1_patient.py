"""Story 1: sign in, see what is next and whom to call, the journey across sites, a result, who has seen my data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.conftest import Served
from tests.browser.window import Window

_FIRST_PAGE_LIMIT_BYTES = 100_000
_MENU = ["Mein Weg", "Befunde", "Termine", "Mein Plan", "Zugriffe", "Freigaben"]
_MOST_TABS = 60


def test_a_patient_finds_what_is_next_and_who_looked(window: Window) -> None:
    window.go("/")
    window.accessible()
    window.page.get_by_role("button", name="Kerstin Muster-Test").click()
    window.page.wait_for_url("**/p")
    assert window.heading() == "Guten Tag, Kerstin Muster-Test"
    window.reads("Was kommt als Nächstes?", "Wer ist zuständig?", "Hausarztpraxis Lindenhof", "112")
    assert window.page.locator("main a[href^='tel:+49']").count() >= 3
    window.accessible()

    window.link("Meinen ganzen Weg ansehen")
    houses = ["Uniklinikum Elbaue", "Klinikum Erzgebirgsblick", "Klinikum Spreewald"]
    window.reads("Mein Weg als Bild", "Mein Weg als Liste", *houses)
    assert window.page.locator("svg.timeline").is_visible()
    assert window.page.locator("svg.timeline [class*=tl-]").count() > 20
    window.picture("patient-journey", at="#bild")
    window.accessible()

    window.menu("Befunde")
    window.accessible()
    window.page.locator("main .result-list").get_by_role("link", name="CT-Untersuchung").first.click()
    window.reads("In einfachen Worten", "Dieser Befund kommt von", "Klinikum Spreewald", "nicht geprüft")
    window.accessible()

    window.menu("Zugriffe")
    window.reads("Wer hat meine Daten gesehen?", "Jeder Blick in Ihre Daten wird aufgeschrieben")
    window.accessible()
    window.link("Auch meine eigenen zeigen")
    assert window.page.locator("main tbody").get_by_text("Sie selbst").count() > 0
    for words in ("Termine", "Mein Plan", "Freigaben"):
        window.menu(words)
        window.accessible()


def test_the_journey_needs_no_javascript(open_window: Callable[..., Window]) -> None:
    window = open_window(javascript=False)
    window.sign_in("patient")
    window.reads("Was kommt als Nächstes?", "+49")
    for words in _MENU:
        window.menu(words)
        assert window.heading() != "", words
    window.menu("Mein Weg")
    window.reads("Mein Weg als Liste", "Klinikum Spreewald")
    window.page.locator("header").get_by_role("link", name="English").click()
    window.reads("My journey", "Sign out")


def test_the_first_page_is_light(window: Window) -> None:
    window.sign_in("patient")
    received = _weigh(window)
    window.page.reload()
    window.page.wait_for_load_state("networkidle")
    total = sum(received)
    assert len(received) >= 4, "the page came without its style"
    assert total <= _FIRST_PAGE_LIMIT_BYTES, f"the patient's first page weighs {total} bytes on the wire"


def _weigh(window: Window) -> list[int]:
    """What the following answers weigh on the wire, headers included, nothing from the browser's store."""
    received: list[int] = []
    debugger: Any = window.context.new_cdp_session(window.page)
    debugger.send("Network.enable")
    debugger.send("Network.setCacheDisabled", {"cacheDisabled": True})
    debugger.on("Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"])))
    return received


def test_the_story_by_keyboard_alone(window: Window, served: Served) -> None:
    window.go("/")
    _tab_to(window, "Kerstin Muster-Test")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/p")
    window.page.keyboard.press("Tab")
    assert "Zum Inhalt" in _focused(window), "the first stop is the way past the menu"
    window.page.keyboard.press("Enter")
    _tab_to(window, "Alle Befunde ansehen")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/p/befunde")
    _tab_to(window, "CT-Untersuchung")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/p/befunde/*/*")
    _tab_to(window, "Wer hat diese Erklärung geschrieben?")
    window.page.keyboard.press("Enter")
    window.reads("freigegeben")
    window.go("/p")
    _tab_to(window, "Zugriffe")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/p/zugriffe")
    window.reads("Wer hat meine Daten gesehen?")


def _focused(window: Window) -> str:
    return str(window.page.evaluate("document.activeElement.innerText || document.activeElement.value || ''"))


def _tab_to(window: Window, words: str) -> None:
    """Press Tab until this has the focus; every stop on the way must be seen to have it."""
    for _ in range(_MOST_TABS):
        window.page.keyboard.press("Tab")
        ring = window.page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return s.outlineStyle !== 'none' || s.boxShadow !== 'none' })()"
        )
        assert ring, f"{window.path}: {_focused(window)!r} does not show that it has the focus"
        if words in _focused(window):
            return
    raise AssertionError(f"{window.path}: {words!r} is not reached by {_MOST_TABS} presses of Tab")
