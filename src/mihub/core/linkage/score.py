"""From two encodings to a verdict: the insurance number decides when both know one, else the filters.

The threshold was chosen on generated people with errors (`tests/spec/test_linkage_yardstick.py` measures it
anew). Below: `compare`. Above: `solve`. Source: exact identifier first, reference design of the network's
linkage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mihub.core.linkage.compare import dice

MATCH_DICE = 0.73
# Equal insurance numbers with names this unlike are a mix-up at a desk, not a person.
INSURANCE_FLOOR_DICE = 0.50


class RecordKey(NamedTuple):
    """One patient at one member: a member id and a transport id (`core/policy/actor`), opaque texts here."""

    member: str
    transport_id: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record as the trust centre knows it. `clk` as a whole number."""

    key: RecordKey
    clk: int
    blocks: frozenset[str]
    insurance: str


def match_weight(one: Candidate, other: Candidate) -> float:
    """0 for "not one person", else how sure: 1 to 2 by insurance number, below 1 by the filters alone."""
    likeness = dice(one.clk, other.clk)
    if one.insurance and other.insurance:
        same = one.insurance == other.insurance and likeness >= INSURANCE_FLOOR_DICE
        return 1.0 + likeness if same else 0.0
    return likeness if likeness >= MATCH_DICE else 0.0
