"""A browser window that watches itself: errors, foreign requests, accessibility, and pictures that show something.

Playwright evaluates through the debugger, which a page's content policy does not govern; the context therefore needs no
`bypass_csp`, and what the policy would refuse a page is refused here as well. Source: axe-core (third_party), WCAG 2.2 AA.
Above: the stories. Below: `conftest` opens browser and region.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

AXE = (Path(__file__).parent / "third_party" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 320, "height": 700}

# A text that is missing shows its key in brackets, e.g. [team.screening.title].
_MISSING_TEXT = re.compile(r"\[[a-z_]+(\.[A-Za-z_-]+)+\]|\bUndefined\b|\{\{|\{%|\bNone\b")
_AXE_RUN = """async rules => {
  const found = await axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})
  return found.violations.map(v => v.id + ': ' + v.help + ' at ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', '))
}"""
_OPEN_ALL = "() => document.querySelectorAll('details').forEach(each => { each.open = true })"
_TOO_WIDE = """() => {
  if (document.documentElement.scrollWidth <= 320) return ''
  const wide = e => e.getBoundingClientRect().right > 321 && !e.closest('.table-frame, pre')
  const all = [...document.querySelectorAll('main *, header *, footer *')].filter(wide)
  return all.map(e => e.tagName + '.' + e.className).slice(0, 4).join(' ') || 'something'
}"""
_LARGE_BLACK = """() => [...document.querySelectorAll('svg *')].filter(e => {
    const box = e.getBoundingClientRect()
    return getComputedStyle(e).fill === 'rgb(0, 0, 0)' && box.width * box.height > 4000 && e.tagName !== 'text'
  }).length"""


class Window:
    """One person's window. `page` is Playwright's page; `bytes_received` counts what answers weighed on the wire."""

    def __init__(self, browser: Any, base_url: str, *, pictures: Path, javascript: bool = True) -> None:
        self.base_url, self.pictures, self.javascript = base_url, pictures, javascript
        self.context = browser.new_context(
            base_url=base_url, viewport=DESK, locale="de-DE", java_script_enabled=javascript
        )
        self.context.add_cookies([{"name": "lang", "value": "de", "url": base_url}])
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.console: list[str] = []
        self.foreign: list[str] = []
        self.expected_status: set[int] = set()
        self.checked: list[str] = []
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", self._note_request)

    def _note_message(self, message: Any) -> None:
        # The browser itself writes an error when a form with a mistake is answered 422; a story announces that.
        expected = any(f"status of {status}" in message.text for status in self.expected_status)
        if message.type == "error" and not expected:
            self.console.append(message.text)

    def _note_request(self, request: Any) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https"} and url.netloc != urlsplit(self.base_url).netloc:
            self.foreign.append(request.url)

    def close(self) -> None:
        """End the session; whatever went wrong unseen is said now."""
        self.context.close()
        assert self.foreign == [], "a page asked another host"
        assert self.console == [], "a page wrote an error to the console"

    @property
    def path(self) -> str:
        """The address of the page in view, without the host."""
        url = urlsplit(self.page.url)
        return url.path + (f"?{url.query}" if url.query else "")

    def go(self, path: str) -> None:
        """Open a page by its address."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status < 400, f"{path} answers {answer.status}"

    def sign_in(self, persona: str) -> None:
        """By the demo's start page, as a visitor would."""
        self.go("/")
        self.page.locator(f"form:has(input[name=persona][value='{persona}']) button").click()
        self.page.wait_for_url(lambda url: urlsplit(url).path != "/")

    def menu(self, words: str) -> None:
        """Follow one of the area's main links."""
        self.page.get_by_role("navigation").first.get_by_role("link", name=words, exact=True).click()
        self.page.wait_for_load_state()

    def link(self, words: str, *, within: str = "main") -> None:
        """Follow the first link with these words."""
        self.page.locator(within).first.get_by_role("link", name=words).first.click()
        self.page.wait_for_load_state()

    def press(self, words: str, *, within: str = "main") -> None:
        """Press the first visible button with these words."""
        self.page.locator(within).first.get_by_role("button", name=words).first.click()
        self.page.wait_for_load_state()

    def field(self, label: str, *, within: str = "main") -> Any:
        """The first field to write in or choose from whose label holds these words."""
        fields = self.page.locator("input:not([type=checkbox], [type=radio]), textarea, select")
        return self.page.locator(within).first.get_by_label(label).and_(fields).first

    def text(self) -> str:
        """What a reader reads, white space folded."""
        return " ".join(self.page.locator("body").inner_text().split())

    def reads(self, *words: str) -> None:
        """The page says each of these."""
        text = self.text().casefold()
        for word in words:
            assert word.casefold() in text, f"{self.path} does not say {word!r}"

    def heading(self) -> str:
        """The main heading's words."""
        return " ".join(self.page.locator("h1").inner_text().split())

    def accessible(self) -> None:
        """axe finds nothing here in German and in English, all folds open; title, language, one main heading; fits a phone.

        The page is loaded anew in English and again in German; an answer to a form is asked for by the same form again.
        """
        self._proper("de")
        self._speak("en")
        self._proper("en")
        self._speak("de")
        self.checked.append(urlsplit(self.page.url).path)

    def _speak(self, language: str) -> None:
        self.context.add_cookies([{"name": "lang", "value": language, "url": self.base_url}])
        self.page.reload()

    def _proper(self, language: str) -> None:
        page, where = self.page, f"{self.path} ({language})"
        assert page.locator("html").get_attribute("lang") == language, where
        assert page.title().replace("· MiHUB", "").strip(), f"{where} has no title"
        assert page.locator("h1").count() == 1, f"{where} has not one main heading"
        page.evaluate(_OPEN_ALL)
        missing = _MISSING_TEXT.search(page.title() + " " + page.locator("body").inner_text())
        assert missing is None, f"{where} shows {missing and missing.group()}"
        found = self._axe()
        assert found == [], f"{where}: {found}"
        page.set_viewport_size(PHONE)
        wide = page.evaluate(_TOO_WIDE)
        page.set_viewport_size(DESK)
        assert wide == "", f"{where} does not fit a phone of 320 px: {wide}"

    def _axe(self) -> list[str]:
        self.page.evaluate(AXE)
        return list(self.page.evaluate(_AXE_RUN, RULES))

    def picture(self, name: str, *, at: str = "", full_page: bool = False) -> None:
        """Keep a picture, from the top or scrolled to `at`; it must show something: neither empty nor large and black."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        path = self.pictures / f"{name}.png"
        if at:
            self.page.locator(at).first.evaluate(
                "element => window.scrollTo({top: element.getBoundingClientRect().top + scrollY - 24, behavior: 'instant'})"
            )
        self.page.screenshot(path=path, full_page=full_page)
        assert path.stat().st_size > 8_000, f"the picture {name} is empty"
        dark = self.page.evaluate(_LARGE_BLACK)
        assert dark == 0, f"{dark} large black shapes on {name}: a style was dropped"
