"""A person at the portal without a browser: follows links, fills in forms, reads what the page says.

Used by `mihub demo --check` and by tests, so that every story also holds without JavaScript. It sees only HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import httpx
from lxml import html as lxml_html
from lxml.html import FormElement, HtmlElement

from mihub.errors import MihubError


class Astonished(MihubError):
    """The page is not what the story says."""

    issue_code, http_status, exit_code = "processing", 500, 70


class Visitor:
    """One person with one session. Every step raises `Astonished` when the page is missing, broken or without the word."""

    def __init__(self, base_url: str, *, client: httpx.Client | None = None) -> None:
        self._client = client or httpx.Client(base_url=base_url, follow_redirects=True, timeout=30)
        self.path = "/"
        self.page: HtmlElement = lxml_html.fromstring("<html></html>")

    def close(self) -> None:
        """End the session's connections."""
        self._client.close()

    def visit(self, path: str) -> Visitor:
        """Open a page by its path."""
        return self._take(self._client.get(path))

    def sign_in(self, persona: str) -> Visitor:
        """Become one of the demo's people, by the start page."""
        self.visit("/")
        for form in self.page.forms:
            if dict(form.form_values()).get("persona") == persona:
                return self._send(form, None, {})
        raise Astonished(f"The start page offers no sign-in as {persona!r}.")

    def values(self, name: str) -> list[str]:
        """What a field of this name may be set to (options, boxes, radio buttons), without the empty choice."""
        options = self.page.xpath(
            "//select[@name=$name]/option/@value | //input[@name=$name]/@value", name=name
        )
        found = [str(value) for value in options if value]
        if not found:
            raise Astonished(f"There is no field {name!r} with values on {self.path}.")
        return found

    def follow(self, *, href: str = "", text: str = "") -> Visitor:
        """Follow the first link whose address holds `href` and whose words hold `text`."""
        for link in self.page.iter("a"):
            address = link.get("href") or ""
            if (
                href in address
                and text in " ".join(link.text_content().split())
                and not address.startswith(("#", "tel:", "mailto:"))
            ):
                return self.visit(urljoin(self.path, address))
        raise Astonished(f"There is no link {text or href!r} on {self.path}.")

    def links(self, href: str) -> list[str]:
        """The addresses of all links that hold `href`, in order, each once."""
        found = (urljoin(self.path, link.get("href") or "") for link in self.page.iter("a"))
        return list(dict.fromkeys(address for address in found if href in address))

    def form(self, *, action: str = "", button: str = "") -> FormElement:
        """The first form whose address holds `action` and that has a button with these words."""
        for form in self.page.forms:
            if form.method.upper() != "POST" and not action:
                continue
            words = " ".join(" ".join(b.text_content().split()) for b in form.iter("button"))
            if action in urljoin(self.path, form.get("action") or self.path) and button in words:
                return form
        raise Astonished(f"There is no form {action or button!r} on {self.path}.")

    def submit(
        self,
        fields: Mapping[str, str | list[str]] | None = None,
        *,
        action: str = "",
        button: str = "",
        ok: tuple[int, ...] = (),
    ) -> Visitor:
        """Fill in the form and send it with the named button; hidden fields go along as they stand.

        `ok`: other answers than success that the story expects, e.g. 422 for a form with a mistake.
        """
        form = self.form(action=action, button=button)
        words = ((one, " ".join(one.text_content().split())) for one in form.iter("button"))
        return self._send(form, next((one for one, text in words if button in text), None), fields or {}, ok)

    def _send(
        self,
        form: FormElement,
        pressed: HtmlElement | None,
        fields: Mapping[str, str | list[str]],
        ok: tuple[int, ...] = (),
    ) -> Visitor:
        values: dict[str, list[str]] = {}
        for name, value in form.form_values():
            values.setdefault(name, []).append(str(value))
        if pressed is not None and pressed.get("name"):
            values[str(pressed.get("name"))] = [pressed.get("value") or ""]
        for name, given in fields.items():
            values[name] = given if isinstance(given, list) else [given]
        own = pressed.get("formaction") if pressed is not None else None
        target = urljoin(self.path, own or form.get("action") or self.path)
        if form.method.upper() == "GET":
            return self._take(self._client.get(target, params=values), ok)
        return self._take(self._client.post(target, data=values), ok)

    def upload(self, field: str, filename: str, content: bytes, *, action: str) -> Visitor:
        """Send a form with one file."""
        form = self.form(action=action)
        target = urljoin(self.path, form.get("action") or self.path)
        data = {name: str(value) for name, value in form.form_values() if name != field}
        return self._take(self._client.post(target, data=data, files={field: (filename, content)}))

    def row(self, words: str) -> list[str]:
        """The cells of the first table row that holds these words."""
        for row in self.page.iter("tr"):
            cells = [" ".join(cell.text_content().split()) for cell in row.iter("td", "th")]
            if any(words in cell for cell in cells):
                return cells
        raise Astonished(f"No table on {self.path} has a row {words!r}.")

    def figure(self, name: str) -> str:
        """A number that the page marks with `data-count`."""
        found = self.page.xpath("//*[@data-count=$name]", name=name)
        if not found:
            raise Astonished(f"The page {self.path} shows no number {name!r}.")
        return str(found[0].text_content()).strip()

    def pre(self) -> str:
        """The first preformatted text, e.g. a document."""
        found = self.page.xpath("//pre")
        if not found:
            raise Astonished(f"The page {self.path} shows no document.")
        return str(found[0].text_content())

    def reads(self, *words: str) -> Visitor:
        """The page says each of these, wherever."""
        text = self.text()
        for word in words:
            if word not in text:
                raise Astonished(f"The page {self.path} does not say {word!r}.")
        return self

    def reads_not(self, *words: str) -> Visitor:
        """The page says none of these."""
        text = self.text()
        for word in words:
            if word in text:
                raise Astonished(f"The page {self.path} says {word!r} and must not.")
        return self

    def text(self) -> str:
        """What a reader reads, white space folded."""
        body = self.page.find("body")
        return " ".join((body if body is not None else self.page).text_content().split())

    def _take(self, answer: httpx.Response, ok: tuple[int, ...] = ()) -> Visitor:
        self.path = urlsplit(str(answer.url)).path + (
            f"?{answer.url.query.decode()}" if answer.url.query else ""
        )
        if answer.status_code >= 400 and answer.status_code not in ok:
            raise Astonished(f"{answer.request.method} {self.path} answers {answer.status_code}.")
        if "html" in answer.headers.get("content-type", ""):
            self.page = lxml_html.fromstring(answer.text)
        return self
