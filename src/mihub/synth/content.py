"""The room's data files, read once.

Neighbours: `data/names.json` (what people are called, where they live), `data/parameters.json` (rates with
their source).
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson


@lru_cache(maxsize=4)
def _read(name: str) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(files("mihub.synth").joinpath("data", name).read_bytes())
    return value


def names() -> dict[str, Any]:
    """Given names, family names, streets, towns and insurers."""
    return _read("names.json")


def parameters() -> dict[str, Any]:
    """Rates of the region; each group names its source under `_source`."""
    return _read("parameters.json")


def rates(*path: str) -> dict[str, float]:
    """One group of rates without its source line."""
    group: Any = parameters()
    for step in path:
        group = group[step]
    return {key: value for key, value in group.items() if not key.startswith("_")}
