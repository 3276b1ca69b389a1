"""What every test may ask for: the shared fixtures beside the project, and a promise of no network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Other people's fixtures, beside the checkout or where MIHUB_SHARED says; skips when they are absent."""
    for place in (os.environ.get("MIHUB_SHARED"), _ROOT.parent / "shared"):
        if place and Path(place).is_dir():
            return Path(place)
    pytest.skip("needs the shared fixtures beside the checkout (MIHUB_SHARED)")
