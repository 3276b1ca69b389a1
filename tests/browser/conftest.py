"""One region and one browser for all stories; each test gets a fresh person at a fresh window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.window import Window

if TYPE_CHECKING:
    from mihub.apps.region import OpenRegion

ROOT = Path(__file__).resolve().parents[2]
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]


@dataclass(frozen=True, slots=True)
class Served:
    """The region as stories need it: where it answers, and who plays which case."""

    url: str
    region: OpenRegion

    def name(self, case: str) -> str:
        """The person who plays this case."""
        return str(self.region.region.document["cases"][case]["name"])


def _chromium() -> str | None:
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))),
        None,
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them share one region, so they stay together when tests run in parallel."""
    for item in items:
        if "tests/browser" in str(item.fspath):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def executable() -> str:
    """The system's Chromium; skips when there is none."""
    found = _chromium()
    if found is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    return found


@pytest.fixture(scope="package")
def served(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo region with a small synthetic population, on a free port of loopback."""
    from mihub.apps.region import DemoSettings, open_region
    from mihub.apps.serve import Background, bind

    data_dir = tmp_path_factory.mktemp("region")
    with (
        open_region(DemoSettings(data_dir=data_dir, people=_people(), seed=1)) as region,
        Background(region.app, bind("127.0.0.1", 0)) as background,
    ):
        yield Served(background.url, region)


@pytest.fixture(scope="package")
def browser(executable: str, served: Served) -> Iterator[Any]:
    """Headless Chromium, opened after the region and closed after the last story.

    Playwright keeps an event loop in this thread as long as it lives: nothing else could call `asyncio.run` meanwhile.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_window(browser: Any, served: Served) -> Iterator[Callable[..., Window]]:
    """Opens windows with empty sessions. At the end: no console error, no request to another host."""
    opened: list[Window] = []

    def opening(*, javascript: bool = True) -> Window:
        opened.append(Window(browser, served.url, pictures=_pictures(), javascript=javascript))
        return opened[-1]

    yield opening
    for window in opened:
        window.close()


@pytest.fixture
def window(open_window: Callable[..., Window]) -> Window:
    """One window with an empty session."""
    return open_window()


def _people() -> int:
    """Pictures show a region whose counts are not all too small to be shown."""
    return 700 if os.environ.get("MIHUB_PICTURES") else 120


def _pictures() -> Path:
    """Where pictures go: to MIHUB_PICTURES when it is set (docs/images), else into a folder that is not kept."""
    wanted = os.environ.get("MIHUB_PICTURES")
    return Path(wanted) if wanted else ROOT / "var" / "pictures"
