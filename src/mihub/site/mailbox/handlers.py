"""What a site does for a task, by kind. `apps` fills the registry with the rooms that answer.

A handler may write through the connection it is given: its effect, the answer in the outbox and the inbox
state then commit together or not at all. Below: `core/wire`. Above: `work`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire.feasibility import AnswerFeasibility, FeasibilityQuestion
from mihub.core.wire.task import Allowance, Task
from mihub.database.pool import Connection
from mihub.errors import InvalidInput

# The returned object is sealed to the project. `Unavailable` means "try again"; another error of ours is a
# refusal.
Handler = Callable[[Task, Allowance, Connection], Json]


def answer_feasibility(answer: AnswerFeasibility, member: MemberId) -> Handler:
    """The handler for kind "feasibility"; the stricter of the two smallest cells holds."""

    def handle(task: Task, allowance: Allowance, connection: Connection) -> Json:
        question = FeasibilityQuestion.from_json(task.body)
        if question.project != task.project:
            raise InvalidInput("The question names another project than its task.", rule="project-mismatch")
        answered = answer(replace(question, min_cell=max(question.min_cell, allowance.min_cell)))
        return {"answer": replace(answered, question_id=question.id, member=member).to_json()}

    return handle
