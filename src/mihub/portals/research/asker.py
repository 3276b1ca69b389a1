"""The asking side of a federated count: sign with the project's key, seal for each site, open what comes
back.

The hub stores what this file sends and reads none of it. The project's private key lives here, at the
researchers' portal, and nowhere else. Speaks HTTP to the hub only. Below: `core/wire`. Above: the pages of
`portals/research`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import orjson

from mihub import log
from mihub.core.fhir import Json
from mihub.core.policy.actor import Access, MemberId
from mihub.core.wire import fault
from mihub.core.wire.envelope import (
    Envelope,
    Header,
    envelope_id,
    open_envelope,
    open_note,
    parse,
    read_head,
    seal,
    seal_note,
    verify_sender,
)
from mihub.core.wire.feasibility import KIND, FeasibilityAnswer, FeasibilityQuestion
from mihub.core.wire.keys import KeySet
from mihub.core.wire.members import Member, MemberList
from mihub.core.wire.task import Task, sign_task
from mihub.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated, Unavailable

STREAM = "research"
DAY_SECONDS = 86_400
_HUB = MemberId("hub")
SiteState = Literal["waiting", "received", "answered", "refused", "expired"]
_STATES: Mapping[str, SiteState] = {
    "queued": "waiting",
    "leased": "waiting",
    "received": "received",
    "done": "answered",
    "refused": "refused",
    "failed": "refused",
    "expired": "expired",
}


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """Where one site stands. Without an answer `shown` is empty and `since` says how long it has been so.

    `reason` names a rule ("task-expired", "consent") or is empty. `duration_ms` is the site's own time of
    counting.
    """

    member: MemberId
    name: str
    state: SiteState
    since: datetime
    shown: str = ""
    count: int | None = None
    suppressed: bool = False
    position: int = 0
    duration_ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QuestionStatus:
    """A question and every site that was asked, in the order of the member list."""

    question_id: str
    project: str
    title: str
    ccdl: Json
    asked_at: datetime
    expires_at: datetime
    sites: tuple[SiteStatus, ...]

    @property
    def silent(self) -> tuple[SiteStatus, ...]:
        """The sites that have not answered yet and still may."""
        return tuple(site for site in self.sites if site.state in ("waiting", "received"))

    @property
    def total(self) -> int:
        """The sum of the counts that may be computed with; people known to two sites are counted twice."""
        return sum(site.count or 0 for site in self.sites)


@dataclass(frozen=True, slots=True)
class Project:
    """A project that the person may ask for."""

    id: str
    title: str


class Asker:
    """One portal's way to ask. Errors: `Forbidden`, `NotFound`, `Unauthenticated`, `Unavailable`."""

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        sender: KeySet,
        projects: Mapping[str, KeySet],
        members: Callable[[], MemberList],
        bearer: Callable[[Access, MemberId], str],
        hub: MemberId = _HUB,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`client`: base URL of the hub. `sender`: the portal's member keys. `projects`: private keys by
        project id.

        `members`: the current, already verified list. `bearer`: an access statement for a member
        (`core.policy.assertion.sign`).
        """
        self._client = client
        self._sender = sender
        self._projects = dict(projects)
        self._members = members
        self._bearer = bearer
        self._hub = hub
        self._now = now
        self._one_at_a_time = asyncio.Lock()

    async def projects(self, access: Access) -> list[Project]:
        """The projects whose key is here and for which the hub lets this person ask."""
        body = await self._get("/hub/projects", access)
        return [Project(one["id"], one["title"]) for one in body["projects"] if one["id"] in self._projects]

    async def ask(
        self,
        ccdl: Json,
        project: str,
        access: Access,
        *,
        title: str = "",
        consent_codes: Sequence[str] = (),
        min_cell: int = 10,
        sites: Sequence[str] = (),
        ttl_seconds: int = 7 * DAY_SECONDS,
    ) -> str:
        """Ask all sites (or only `sites`); the question's id once the hub holds it durably."""
        question = FeasibilityQuestion(envelope_id(), project, ccdl, tuple(consent_codes), min_cell)
        receivers = [one for one in self._members().with_duty("site") if not sites or one.id in sites]
        if not receivers:
            raise NotFound(
                "No site of the region can be asked.", next_step="Choose at least one site of the list."
            )
        async with self._one_at_a_time:
            for _ in range(3):
                try:
                    await self._submit(question, title, receivers, access, ttl_seconds)
                    return question.id
                except Conflict:
                    # Another process of this portal was faster on the same stream; count on from its last
                    # letter.
                    continue
        raise Unavailable("The hub is busy with other questions.", next_step="Ask again in a moment.")

    async def status(self, question_id: str, access: Access) -> QuestionStatus:
        """Every site's state now; answers are opened and checked here. Raises `NotFound` for another's
        question.
        """
        return self._read_question(await self._get(f"/hub/questions/{question_id}", access))

    async def questions(self, access: Access) -> list[QuestionStatus]:
        """What this person asked, newest first, at most 50."""
        body = await self._get("/hub/questions", access)
        known = [one for one in body["questions"] if one["project"] in self._projects]
        return [self._read_question(one) for one in known]

    async def _submit(
        self,
        question: FeasibilityQuestion,
        title: str,
        receivers: Sequence[Member],
        access: Access,
        ttl_seconds: int,
    ) -> None:
        keys = self._project_keys(question.project)
        last = await self._last_headers(access)
        expires = int(self._now()) + ttl_seconds
        letters = [self._letter(question, one, last.get(one.id), keys, expires) for one in receivers]
        note = {
            "title": title,
            "ccdl": question.ccdl,
            "envelopes": {one.header.receiver: one.header.id for one in letters},
        }
        body = {
            "id": question.id,
            "project": question.project,
            "expires": expires,
            "note": seal_note(note, keys, question.id),
            "envelopes": [one.to_bytes().decode() for one in letters],
        }
        await self._request("POST", "/hub/questions", access, orjson.dumps(body))

    def _letter(
        self, question: FeasibilityQuestion, to: Member, last: Header | None, keys: KeySet, expires: int
    ) -> Envelope:
        header = Header(
            id=envelope_id(),
            net=self._members().network,
            kind="task",
            sender=MemberId(self._sender.owner),
            receiver=to.id,
            stream=STREAM,
            corr=question.id,
            seq=last.seq + 1 if last else 1,
            prev=last.digest() if last else "",
            created=int(self._now()),
            expires=expires,
            sender_kid="",
            receiver_kid="",
        )
        task = Task(header.id, question.project, KIND, to.id, expires, question.to_json())
        return seal({"task": sign_task(task, keys)}, header, self._sender, to.keys)

    async def _last_headers(self, access: Access) -> dict[str, Header]:
        body = await self._get(f"/hub/streams/{STREAM}?sender={self._sender.owner}", access)
        headers = [read_head(head, self._sender.public()) for head in body["last"]]
        return {header.receiver: header for header in headers}

    def _read_question(self, body: Json) -> QuestionStatus:
        keys = self._project_keys(body["project"])
        note = open_note(body["note"], keys, body["id"])
        states = {one["member"]: one for one in body["members"]}
        sites = [self._read_site(body["id"], note, one, keys) for one in states.values()]
        order = {member: place for place, member in enumerate(self._members().members)}
        return QuestionStatus(
            question_id=body["id"],
            project=body["project"],
            title=note["title"],
            ccdl=note["ccdl"],
            asked_at=_time(body["asked_at"]),
            expires_at=_time(body["expires_at"]),
            sites=tuple(sorted(sites, key=lambda site: order.get(site.member, len(order)))),
        )

    def _read_site(self, question_id: str, note: Json, told: Json, keys: KeySet) -> SiteStatus:
        member = MemberId(told["member"])
        state, since = _STATES[told["state"]], _time(told["since"])
        name = self._members().members[member].name if member in self._members().members else member
        if not told["answer"]:
            # "done" without a letter: the receipt came first, the answer is on its way.
            state = "received" if state == "answered" else state
            return SiteStatus(member, name, state, since, reason=told["reason"])
        try:
            answer = self._open_answer(
                question_id, note["envelopes"].get(member), member, told["answer"], keys
            )
        except (Unauthenticated, InvalidInput, NotFound) as error:
            # One letter that is not genuine must not take the other sites' numbers away; it gives none.
            log.warning("research.answer-refused", member=str(member), error=type(error).__name__)
            return SiteStatus(member, name, "refused", since, reason="not-genuine")
        return SiteStatus(
            member, name, "answered", since, answer.shown, answer.count, answer.suppressed,
            answer.position, answer.duration_ms, answer.reason,
        )  # fmt: skip

    def _open_answer(
        self, question_id: str, asked_in: str | None, member: MemberId, letter: str, keys: KeySet
    ) -> FeasibilityAnswer:
        envelope = parse(letter.encode())
        verify_sender(envelope, self._members().get(member).keys)
        answer = FeasibilityAnswer.from_json(open_envelope(envelope, keys).get("answer") or {})
        # The site is bound by its signature, the letter by the one that was sent, the answer by its question.
        if (envelope.header.corr, answer.member, answer.question_id) != (asked_in, member, question_id):
            raise Unauthenticated(
                "An answer does not belong to the question it came with.",
                rule="answers are bound to question and site",
                next_step="Tell the hub's operator and the data protection officer.",
            )
        return answer

    def _project_keys(self, project: str) -> KeySet:
        keys = self._projects.get(project)
        if keys is None:
            raise Forbidden(
                "This portal does not hold the project's key.", next_step="Ask from the project's own portal."
            )
        return keys

    async def _get(self, path: str, access: Access) -> Json:
        return await self._request("GET", path, access)

    async def _request(self, method: str, path: str, access: Access, content: bytes = b"") -> Json:
        headers = {"authorization": f"Bearer {self._bearer(access, self._hub)}"}
        try:
            answer = await self._client.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable("The hub does not answer.", next_step="Try again in a moment.") from error
        if answer.status_code >= 300:
            raise fault.from_answer(answer.status_code, answer.content)
        body: Any = orjson.loads(answer.content)
        return body if isinstance(body, dict) else {}


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
