"""How deep a JSON text nests, found before it is parsed, in time that grows with its length only.

Brackets alone are kept and innermost pairs removed level by level; each pass runs at the speed of memory.
Brackets inside texts can disturb that, so an unbalanced rest is counted exactly. Source: the depth limit is
ours (`limits`).
"""

from __future__ import annotations

import re
from typing import Final

_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
# A pass over many brackets that removes few of them is no longer worth its time.
_WORTH_IT: Final = 8
_MANY: Final = 64 * 1024


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
        removed = len(rest) - len(shorter)
        if not removed or (len(rest) > _MANY and removed * _WORTH_IT < len(rest)):
            break
        rest = shorter
    return _opens_deeper_than(text, limit)


def _opens_deeper_than(text: bytes, limit: int) -> bool:
    """The same by counting, texts left out; ends at the first bracket that is too deep."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        first = text[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False
