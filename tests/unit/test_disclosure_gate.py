"""What may leave as a number, and that a forgotten release is impossible."""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.core.disclosure.cells import CellRule, SuppressedCount, suppress
from mihub.core.disclosure.gate import NOT_RELEASED, Gate, Refused
from mihub.core.disclosure.ledger import Ledger, MemoryLedger, Release
from mihub.core.disclosure.noise import keyed_noise, person_tag, set_hash
from mihub.errors import ConfigurationError, Unavailable
from mihub.site.feasibility.ledger import FileLedger

RULE = CellRule()
SECRET = b"a secret of one site"


def people(*ranges: range) -> list[str]:
    return [f"p{n}" for one in ranges for n in one]


@pytest.fixture(params=["memory", "file"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    return MemoryLedger() if request.param == "memory" else FileLedger(tmp_path)


def ask(gate: Gate, who: list[str], query: str = "q", project: str = "x") -> SuppressedCount | Refused:
    return gate.release(who, project=project, query=query, rule=RULE)


@pytest.mark.parametrize(("count", "shown"), [(0, "<10"), (1, "<10"), (9, "<10"), (10, "10"), (123, "123")])
def test_zero_and_small_counts_look_alike(count: int, shown: str) -> None:
    given = suppress(count, RULE)
    assert given.shown == shown
    assert (given.value is None) == given.suppressed == (count < 10)


def test_rounding_and_noise_never_show_less_than_k() -> None:
    tens = CellRule(min_cell=10, rounding=10)
    assert [suppress(count, tens).shown for count in (14, 15, 104)] == ["10", "20", "100"]
    assert suppress(10, tens, noise=-9).shown == "10"


def test_a_threshold_below_five_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="too small"):
        CellRule(min_cell=4)


def test_a_cohort_close_to_a_released_one_is_refused(ledger: Ledger) -> None:
    gate = Gate(ledger, SECRET)
    assert ask(gate, people(range(100))).shown == "100"
    for close in (people(range(99)), people(range(101)), people(range(5, 100)), people(range(1, 101))):
        assert ask(gate, close, query="other") == Refused()
    assert ask(gate, people(range(90)), query="far").shown == "90"
    assert ask(gate, people(range(99)), project="another").shown == "99", "each project has its own memory"


def test_the_same_question_is_answered_again_and_the_same_people_in_other_words_are_not(
    ledger: Ledger,
) -> None:
    gate = Gate(ledger, SECRET)
    first = ask(gate, people(range(50)))
    assert ask(gate, people(range(50))) == first
    assert ask(gate, people(range(50)), query="in other words") == Refused()
    assert len(ledger.released("x")) == 1


def test_every_refusal_looks_the_same() -> None:
    assert Refused().reason == NOT_RELEASED
    assert Refused().shown == "–"


def test_the_ledger_outlives_the_process_and_drops_only_a_torn_line(tmp_path: Path) -> None:
    FileLedger(tmp_path).record("x", Release("q", frozenset({1, 2**64 - 1}), 12))
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"query":"r","val')
    again = FileLedger(tmp_path)
    assert again.released("x") == (Release("q", frozenset({1, 2**64 - 1}), 12),)
    again.record("x", Release("s", frozenset(), 10))
    assert [one.query for one in FileLedger(tmp_path).released("x")] == ["q", "s"]


def test_a_damaged_ledger_lets_nothing_out(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path)
    ledger.record("x", Release("q", frozenset({1}), 12))
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(b'{"query":"q"}\n')
    with pytest.raises(Unavailable, match="no count can leave"):
        ask(Gate(FileLedger(tmp_path), SECRET), people(range(50)))


def test_noise_depends_on_the_people_and_the_secret_only() -> None:
    tags = [person_tag(SECRET, one) for one in people(range(40))]
    here = keyed_noise(SECRET, set_hash(tags), epsilon=0.28)
    assert here == keyed_noise(SECRET, set_hash(reversed(tags)), epsilon=0.28)
    drawn = [keyed_noise(SECRET, set_hash([n]), epsilon=0.28) for n in range(2_000)]
    assert abs(sum(drawn)) / 2_000 < 0.5
    assert 3 < sum(map(abs, drawn)) / 2_000 < 4.2, "the mean size of Laplace noise is 1 / 0.28"
