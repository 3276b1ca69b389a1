"""Every persona clicks through everything they can reach, in German and in English, on a small real region.

No link leads to a refusal or a failure, no text is missing, nothing shows a bare `None`, and a page is in the
language that was asked for. Of pages of one shape (a hundred patients) one or two are opened, not all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from lxml import html as lxml_html
from lxml.html import HtmlElement

from mihub.apps.region import DemoSettings, OpenRegion, open_region
from mihub.apps.serve import Background, bind
from mihub.apps.visitor import Visitor

_LANGUAGES = ("de", "en")
_PER_SHAPE = {"de": 2, "en": 1}
# What a reader must never see: a missing text, a place of a sentence that was not filled, a value of Python.
_RAW = re.compile(r"\[[a-z]+\.[\w.\-]+\]|\{\w+\}|\bNone\b|<[A-Z]\w+\.\w+|\bUndefined\b")
_CODE = ("pre", "code", "textarea", "script", "style")
_FIXED = frozenset(
    {
        "p",
        "t",
        "tb",
        "r",
        "a",
        "patienten",
        "vorsorge",
        "ueberweisungen",
        "nachsorge",
        "plan",
        "neu",
        "termine.ics",
    }
    | {"befunde", "verlauf", "termine", "zugriffe", "freigaben", "anmelden", "fall", "sitzung", "quelle"}
    | {"beschluss", "freigabe", "empfehlung", "nachverfolgung", "kohorte", "fragen", "import", "zaehlung"}
    | {"datenschutz", "Condition", "Observation", "DiagnosticReport", "ImagingStudy", "Procedure"}
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, OpenRegion]]:
    settings = DemoSettings(data_dir=tmp_path_factory.mktemp("region"), people=24, seed=1)
    with open_region(settings) as region, Background(region.app, bind("127.0.0.1", 0)) as background:
        yield background.url, region


def test_every_link_of_every_persona_opens(served: tuple[str, OpenRegion]) -> None:
    url, region = served
    personas = [persona.id for persona in region.region.personas]
    assert {"patient", "gp", "nurse", "researcher", "data-protection-officer"} <= set(personas)
    found: list[str] = []
    opened = Counter[str]()
    for persona in personas:
        for language in _LANGUAGES:
            problems, pages = _clicked_through(url, persona, language)
            found += [f"{persona}, {language}: {problem}" for problem in problems]
            opened[language] += pages
    assert found == []
    # There is something to click on.
    assert opened["de"] > opened["en"] > 60, opened


def _clicked_through(url: str, persona: str, language: str) -> tuple[list[str], int]:
    client = httpx.Client(base_url=url, follow_redirects=True, timeout=30, cookies={"lang": language})
    visitor = Visitor(url, client=client)
    visitor.sign_in(persona)
    waiting, known, shapes, problems, pages = [visitor.path], {visitor.path}, Counter[str](), list[str](), 0
    while waiting:
        path = waiting.pop(0)
        shapes[_shape(path)] += 1
        if shapes[_shape(path)] > _PER_SHAPE[language]:
            continue
        pages += 1
        answer = client.get(path)
        if answer.status_code >= 400:
            problems.append(f"{path} answers {answer.status_code}")
        elif answer.headers["content-type"].startswith("text/html"):
            page = lxml_html.fromstring(answer.text)
            links = [urljoin(path, link.get("href") or "#") for link in page.iter("a")]
            following = list(dict.fromkeys(link.partition("#")[0] for link in links if _leads_on(link)))
            problems += [f"{path} {problem}" for problem in _problems(page, language)]
            waiting += [link for link in following if link not in known]
            known.update(following)
    visitor.close()
    return problems, pages


def _problems(root: HtmlElement, language: str) -> list[str]:
    found = [] if root.get("lang") == language else [f"is in {root.get('lang')}"]
    for element in list(root.iter(*_CODE)):
        element.drop_tree()
    text = " ".join(root.text_content().split())
    return found + [f"shows {match[0]!r}" for match in _RAW.finditer(text)]


def _leads_on(link: str) -> bool:
    """A page of ours in the same language; calls, mails and static files are no pages."""
    parts = urlsplit(link)
    return (
        not parts.scheme
        and not parts.netloc
        and "lang=" not in parts.query
        and not link.startswith("/static")
    )


def _shape(path: str) -> str:
    """The address with a star for every id, so that pages of one kind count together."""
    parts = urlsplit(path)
    steps = [step if step in _FIXED else "*" for step in parts.path.strip("/").split("/")]
    return "/".join(steps) + ("?" if parts.query else "")


def test_the_shape_of_an_address() -> None:
    assert _shape("/t/patienten/2f0c") == _shape("/t/patienten/77") != _shape("/t/vorsorge/77")


@pytest.mark.parametrize("text", ["[team.open]", "{name}", "geboren None", "<Role.GP: 'gp'>"])
def test_the_look_at_a_page_finds_what_is_raw(text: str) -> None:
    assert _RAW.search(text)


def test_the_fixed_steps_are_steps_of_real_addresses() -> None:
    sources = Path(__file__).resolve().parents[2] / "src" / "mihub" / "portals"
    written = "\n".join(path.read_text(encoding="utf-8") for path in sources.rglob("*.py"))
    assert [step for step in _FIXED if step not in written] == []
