"""How deep a JSON text nests, found before it is parsed, in time that grows with its length only.

Brackets alone are kept and innermost pairs removed level by level; each pass runs at the speed of memory.
Brackets inside texts can disturb that, so an unbalanced rest is counted exactly. Source: the depth limit is
ours (`limits`).
"""

from __future__ import annotations

import re
from typing import Final

_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OPENING: Final = frozenset(b"[{")


def nests_deeper_than(text: bytes, limit: int) -> bool:
    """Whether some value of `text` lies deeper than `limit` levels. Wrong JSON counts as far as it opens."""
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    rest = text.translate(None, _NOT_BRACKETS)
    for _ in range(limit):
        # Only pairs that are innermost now: a mark keeps the next outer pair apart until the pass is over.
        shorter = rest.replace(b"{}", b"-").replace(b"[]", b"-").replace(b"-", b"")
        if not shorter:
            return False
        if len(shorter) == len(rest):
            break
        rest = shorter
    return _exact_depth(text) > limit


def _exact_depth(text: bytes) -> int:
    depth = deepest = 0
    for bracket in _STRING.sub(b"", text).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        deepest = max(deepest, depth)
    return deepest
