"""A task inside an envelope: signed by a research project's own key, so that no hub can make up work for a
site.

A site runs a task only if its own approver has allowed this project's key here, for this kind and until a
day. Source: reference design of the network's transport (site sovereignty). Below: `compact`, `keys`.
"""

from __future__ import annotations

from dataclasses import dataclass

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire.compact import refused, sign, unverified, verify
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.errors import Forbidden

_TASK = "task"
_ALLOWANCE = "allowance"


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work for one site. `id` is the envelope's id, `kind` names the handler, `body` is its
    message.
    """

    id: str
    project: str
    kind: str
    to: MemberId
    expires: int
    body: Json


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a site lets one project do here: the key that must sign, the kinds, the day it ends, the smallest
    cell.
    """

    project: str
    title: str
    keys: PublicKeys
    kinds: frozenset[str]
    until: int  # seconds of the epoch
    min_cell: int
    approved_by: str
    approved_at: int


def sign_task(task: Task, project: KeySet) -> str:
    """The signed task, to be sealed into the envelope with the same id."""
    claims = {
        "jti": task.id,
        "project": task.project,
        "kind": task.kind,
        "to": task.to,
        "exp": task.expires,
        "body": task.body,
    }
    return sign(claims, project, _TASK)


def claimed_project(token: str) -> str:
    """The project a task names, before it is checked."""
    return str(unverified(token, _TASK).get("project", ""))


def verify_task(
    token: str, allowance: Allowance, *, envelope: str, member: MemberId, now_seconds: int
) -> Task:
    """The task, when the allowed key signed it for this site and this envelope. Else `Unauthenticated`,
    `Forbidden`.
    """
    claims = verify(token, allowance.keys, _TASK)
    expires, body = claims.get("exp"), claims.get("body")
    if claims.get("jti") != envelope or claims.get("to") != member:
        raise refused(_TASK, "it was made for another site or envelope")
    if claims.get("project") != allowance.project:
        raise refused(_TASK, "it names another project")
    if not isinstance(expires, int) or not isinstance(body, dict):
        raise refused(_TASK, "a field is missing")
    if now_seconds > expires:
        raise _forbidden("it has expired", "task-expired")
    if now_seconds > allowance.until:
        raise _forbidden("the project's time here is over", "project-over")
    kind = str(claims.get("kind", ""))
    if kind not in allowance.kinds:
        raise _forbidden("this kind of work is not allowed for the project", "kind-not-allowed")
    return Task(envelope, allowance.project, kind, member, expires, body)


def sign_allowance(allowance: Allowance, approver: KeySet) -> str:
    """The allowance as the site keeps it, signed, so that an edit of the table is noticed."""
    claims = {
        "project": allowance.project,
        "title": allowance.title,
        "keys": allowance.keys.to_json(),
        "kinds": sorted(allowance.kinds),
        "until": allowance.until,
        "min_cell": allowance.min_cell,
        "approved_by": allowance.approved_by,
        "approved_at": allowance.approved_at,
    }
    return sign(claims, approver, _ALLOWANCE)


def verify_allowance(token: str, approver: PublicKeys) -> Allowance:
    """Raises `Unauthenticated` when the site's approver did not sign it."""
    claims = verify(token, approver, _ALLOWANCE)
    return Allowance(
        project=str(claims["project"]),
        title=str(claims["title"]),
        keys=PublicKeys.from_json(claims["keys"]),
        kinds=frozenset(str(kind) for kind in claims["kinds"]),
        until=int(claims["until"]),
        min_cell=int(claims["min_cell"]),
        approved_by=str(claims["approved_by"]),
        approved_at=int(claims["approved_at"]),
    )


def _forbidden(why: str, rule: str) -> Forbidden:
    return Forbidden(
        f"The task is refused: {why}.", rule=rule, next_step="Ask this site's approver to allow it."
    )
