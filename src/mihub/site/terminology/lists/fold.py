"""How words are made comparable: umlauts, case, double letters and the spellings of medical German and English fall together.

"Karzinom", "Carcinom" and "carcinoma" share a beginning, so do "Ösophagus", "Oesophagus" and "esophagus" not: only
letters fold, no dictionary. Folding is stable while typing: every beginning of a word folds to a beginning of the folded word.
Used alike on what is kept and on what is asked. Above: `loading`, `search`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LETTERS: Final = str.maketrans(
    {
        "ä": "a", "ö": "o", "ü": "u", "ß": "ss", "æ": "a", "œ": "o", "ø": "o", "å": "a",
        "é": "e", "è": "e", "ê": "e", "ë": "e", "á": "a", "à": "a", "â": "a", "ç": "k",
        "c": "k", "z": "k", "y": "i",
        "α": "alfa ", "β": "beta ", "γ": "gama ", "δ": "delta ", "µ": "u", "μ": "u",
    }
)  # fmt: skip
# The e of ae, oe, ue; an h after a consonant (th, ph, rh, ch); a letter that stands twice.
_DROPPED: Final = re.compile(r"(?<=[aou])e|(?<=[bdfgkpqrtvwx])h|([a-z])(?=\1)")
_WORD: Final = re.compile(r"[^\W_]+")
_PLAIN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_NO_CODE: Final = re.compile(r"[^0-9A-Z]+")
MAX_WORDS = 60


@lru_cache(maxsize=1 << 16)
def _word(word: str) -> tuple[str, ...]:
    low = word.translate(_LETTERS)
    if not low.isascii():
        low = "".join(sign for sign in unicodedata.normalize("NFKD", low) if not unicodedata.combining(sign))
    return tuple(_WORD.findall(_DROPPED.sub("", low)))


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return [part for word in _WORD.findall(text.lower()) for part in _word(word)]


def folded(text: str) -> str:
    """The folded words without repetition, with one space between; of a very long text its beginning."""
    return " ".join(dict.fromkeys(words(text)[:MAX_WORDS]))


def plain(text: str) -> str:
    """Lower case, umlauts written out, single spaces: to compare how near a hit is to what was typed."""
    return " ".join(_WORD.findall(text.lower().translate(_PLAIN)))


def squashed(code: str) -> str:
    """A code without its signs, upper case: "c34.1" and "C341" are typed for one code."""
    return _NO_CODE.sub("", code.upper())
