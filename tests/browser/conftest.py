"""One region and one browser for all stories; each test gets a fresh person at a fresh window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.window import Window

ROOT = Path(__file__).resolve().parents[2]


def _chromium() -> str | None:
    return next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.fspath):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def region_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo region with a small synthetic population, served on a free port of loopback."""
    from mihub.apps.region import DemoSettings, open_region
    from mihub.apps.serve import Background, bind

    data_dir = tmp_path_factory.mktemp("region")
    with open_region(DemoSettings(data_dir=data_dir, people=80, seed=1)) as region, Background(region.app, bind("127.0.0.1", 0)) as served:
        yield served.url


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Headless Chromium of the system; skips when there is none."""
    executable = _chromium()
    if executable is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--force-color-profile=srgb"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def window(browser: object, region_url: str) -> Iterator[Window]:
    """A window with an empty session. At its end: no console error, no request to another host."""
    opened = Window(browser, region_url, pictures=_pictures())
    yield opened
    opened.close()


def _pictures() -> Path:
    """Where pictures go: into docs/images when asked (./run docs), else into a folder that is not kept."""
    wanted = os.environ.get("MIHUB_PICTURES")
    return Path(wanted) if wanted else ROOT / "var" / "pictures"
