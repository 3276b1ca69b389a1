"""A browser window that watches itself: errors, foreign requests, accessibility, and pictures that show something."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

AXE = (Path(__file__).parent / "third_party" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Window:
    """One person's window. `page` is Playwright's page."""

    def __init__(self, browser: Any, base_url: str, *, pictures: Path, javascript: bool = True) -> None:
        self.base_url = base_url
        self.pictures = pictures
        # Playwright injects axe past the page's strict content policy only when the context bypasses it.
        self.context = browser.new_context(
            base_url=base_url, viewport={"width": 1280, "height": 800}, locale="de-DE", java_script_enabled=javascript
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.console: list[str] = []
        self.foreign: list[str] = []
        self.page.on("console", lambda message: self.console.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Any) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https"} and url.netloc != urlsplit(self.base_url).netloc:
            self.foreign.append(request.url)

    def close(self) -> None:
        self.context.close()
        assert self.foreign == [], "a page asked another host"
        assert self.console == [], "a page wrote an error to the console"

    def go(self, path: str) -> Any:
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status < 400, f"{path} answers {answer.status}"
        return self.page

    def sign_in(self, persona: str) -> None:
        """By the demo's start page, as a visitor would."""
        self.go("/")
        self.page.locator(f"form:has([name=persona][value='{persona}']) button, button[name=persona][value='{persona}']").first.click()
        self.page.wait_for_load_state()

    def accessible(self) -> None:
        """axe finds nothing on this page, in German and in English, and it has a title, a language and one main heading."""
        here = self.page.url
        for language in ("de", "en"):
            separator = "&" if "?" in here else "?"
            self.page.goto(f"{here}{separator}lang={language}")
            assert self.page.locator("html").get_attribute("lang") == language
            assert self.page.title().strip()
            assert self.page.locator("h1").count() == 1
            found = self._axe()
            assert found == [], f"{urlsplit(here).path} ({language}): {found}"
            self._fits_a_phone()
        self.page.goto(f"{here}{'&' if '?' in here else '?'}lang=de")

    def _axe(self) -> list[str]:
        # evaluate runs in the page's main world by the debugger, which the content policy does not govern.
        self.page.evaluate(AXE)
        result = self.page.evaluate(
            "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES
        )
        return [f"{v['id']}: {v['nodes'][0]['target']} {v['help']}" for v in result["violations"]]

    def _fits_a_phone(self) -> None:
        self.page.set_viewport_size({"width": 320, "height": 700})
        width = self.page.evaluate("document.documentElement.scrollWidth")
        self.page.set_viewport_size({"width": 1280, "height": 800})
        assert width <= 320, f"{self.page.url} is {width} px wide on a phone of 320 px"

    def picture(self, name: str, *, full_page: bool = False) -> None:
        """Keep a picture; it must show something: neither empty nor mostly black."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        path = self.pictures / f"{name}.png"
        self.page.screenshot(path=path, full_page=full_page)
        assert path.stat().st_size > 8_000, f"the picture {name} is empty"
        dark = self.page.evaluate(
            """() => [...document.querySelectorAll('svg *')].filter(e => {
                 const box = e.getBoundingClientRect();
                 return getComputedStyle(e).fill === 'rgb(0, 0, 0)' && box.width * box.height > 4000 && e.tagName !== 'text'
               }).length"""
        )
        assert dark == 0, f"{dark} large black shapes on {name}: a style was dropped"
