"""The ordinance as shipped with this version, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from mihub.core.rules.document import RuleDocument, parse_rule


@cache
def screening_rule() -> RuleDocument:
    """LuKrFrühErkV § 2. Raises `InvalidInput` when the shipped file is broken."""
    path = files("mihub") / "content" / "rules" / "lukrfruehrkv-2024.yaml"
    return parse_rule(yaml.safe_load(path.read_text(encoding="utf-8")))
