"""The states of a referral and who may move it: the receiver decides, the sender may take back what nobody
accepted.

Source: FHIR R4 Task.status; the state table of BSeR and Gravity, reduced to what a practice does. Pure
values.
"""

from __future__ import annotations

from enum import StrEnum

from mihub.errors import Conflict


class State(StrEnum):
    """Task.status of a referral."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Move(StrEnum):
    """What somebody does to a referral."""

    ACCEPT = "accept"
    REJECT = "reject"
    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"


OPEN = (State.REQUESTED, State.ACCEPTED, State.IN_PROGRESS)
_RECEIVER: dict[State, dict[Move, State]] = {
    State.REQUESTED: {Move.ACCEPT: State.ACCEPTED, Move.REJECT: State.REJECTED},
    State.ACCEPTED: {Move.START: State.IN_PROGRESS, Move.COMPLETE: State.COMPLETED},
    State.IN_PROGRESS: {Move.COMPLETE: State.COMPLETED},
}
_SENDER: dict[State, dict[Move, State]] = {State.REQUESTED: {Move.CANCEL: State.CANCELLED}}


def moves(state: State, *, as_receiver: bool) -> tuple[Move, ...]:
    """What may be done next by that side; empty when nothing."""
    return tuple((_RECEIVER if as_receiver else _SENDER).get(state, {}))


def after(state: State, move: Move, *, as_receiver: bool) -> State:
    """The state after the move. Raises `Conflict` when that side may not do it now."""
    following = (_RECEIVER if as_receiver else _SENDER).get(state, {}).get(move)
    if following is None:
        raise Conflict(
            "This referral has moved on; that step is not possible any more.",
            rule=f"{move.value} from {state.value}",
            next_step="Open the referral again and look at its state.",
        )
    return following
