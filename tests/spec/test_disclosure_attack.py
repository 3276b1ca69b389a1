"""Differencing: an attacker asks for a cohort with and without one person, and guesses that person's secret.

Against a plain threshold it must succeed, else the attack is too weak to prove anything; against the gate it
must not do better than guessing. Numbers as in trust.md §2.4: a secret of prevalence 0.3 in a cohort of 200.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from mihub.core.disclosure.cells import CellRule, suppress
from mihub.core.disclosure.gate import Gate, Refused
from mihub.core.disclosure.ledger import MemoryLedger

TRIALS = 400
PREVALENCE = 0.3
RULE = CellRule(min_cell=10)
# What the attacker hears: a number, or a text that is the same for every reason.
Oracle = Callable[[frozenset[str], str], int | str]


def threshold(people: frozenset[str], query: str) -> int | str:
    given = suppress(len(people), RULE)
    return given.shown if given.value is None else given.value


def gate(seed: int) -> Oracle:
    guarded = Gate(MemoryLedger(), secret=seed.to_bytes(8, "big"))

    def ask(people: frozenset[str], query: str) -> int | str:
        given = guarded.release(people, project="p", query=query, rule=RULE)
        if isinstance(given, Refused) or given.value is None:
            return given.shown
        return given.value

    return ask


def differencing(oracle: Oracle, carriers: frozenset[str], target: str) -> object:
    """One pair of questions; what is heard is reduced to what an attacker can tell apart."""
    whole = oracle(carriers, "carriers")
    without = oracle(carriers - {target}, "carriers but one")
    return whole - without if isinstance(whole, int) and isinstance(without, int) else (type(whole), without)


def success(make: Callable[[int], Oracle]) -> float:
    """Share of right guesses of the best attacker, who knows how often each thing heard meant a carrier."""
    random_numbers = random.Random(20261123)
    heard: dict[object, list[bool]] = {}
    for trial in range(TRIALS):
        people = [f"p{n}" for n in range(200)]
        carriers = frozenset(one for one in people if random_numbers.random() < PREVALENCE)
        target = random_numbers.choice(people)
        signal = differencing(make(trial), carriers, target)
        heard.setdefault(signal, []).append(target in carriers)
    right = sum(max(sum(truths), len(truths) - sum(truths)) for truths in heard.values())
    return right / TRIALS


def blind() -> float:
    """The best guess without asking: always "no carrier"."""
    return success(lambda trial: lambda people, query: "nothing")


def test_a_plain_threshold_gives_the_secret_away() -> None:
    assert success(lambda trial: threshold) > 0.99


def test_the_gate_is_no_better_than_guessing() -> None:
    assert success(gate) <= blind() + 0.05


def test_the_gate_still_answers_the_first_question() -> None:
    assert gate(1)(frozenset(f"p{n}" for n in range(60)), "carriers") == 60
