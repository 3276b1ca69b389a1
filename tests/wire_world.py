"""A small region for tests: registry, hub, sites and an asker, in one process, with a network that can
be made bad."""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from starlette.applications import Starlette

from mihub.core.fhir import Json
from mihub.core.policy import assertion
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.core.wire.feasibility import FeasibilityAnswer, FeasibilityQuestion
from mihub.core.wire.keys import KeySet
from mihub.core.wire.members import Member, member_list, sign_list, verify_list
from mihub.core.wire.task import Allowance, Task
from mihub.database.embedded import Embedded
from mihub.database.pool import Connection, Pool, open_pool
from mihub.hub.api.app import create_app
from mihub.hub.hub import Hub, HubSettings
from mihub.hub.projects.projects import Project
from mihub.portals.research.asker import Asker
from mihub.site.mailbox.agent import Agent
from mihub.site.mailbox.handlers import answer_feasibility
from mihub.site.mailbox.mailbox import Mailbox

START = 1_795_000_000
PROJECT = "lung-demo"
RESEARCHER = Access(Actor("r1", "Researcher", Role.RESEARCHER, MemberId("netzwerk")), Purpose.RESEARCH)
_numbers = itertools.count()


@functools.cache
def _server() -> Embedded:
    folder = Path(tempfile.mkdtemp(prefix="mihub-wire-"))
    server = Embedded.start(folder / "pg")
    # These tests kill processes, never the machine: without waiting for the disk they run several times
    # faster.
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")

    def stop() -> None:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return server


def database_url() -> str:
    """A new, empty database."""
    return _server().url(f"wire_{next(_numbers)}")


@functools.cache
def keys_of(owner: str) -> KeySet:
    """The same keys for the same owner during a run; making them takes a while."""
    return KeySet.generate(owner)


@dataclass
class Clock:
    """Time that a test moves."""

    seconds: float = START

    def __call__(self) -> float:
        return self.seconds


def members(*sites: str, version: int = 1, now: int = START) -> str:
    """A signed list with these sites, the hub, the trust centre and the portal at `netzwerk`."""
    duties: dict[str, set[str]] = {site: {"site"} for site in sites}
    duties |= {"netzwerk": {"portal"}, "hub": {"hub"}, "trust": {"trust"}}
    listed = [
        Member(MemberId(name), name.title(), "hospital", frozenset(duty), keys_of(name).public())
        for name, duty in duties.items()
    ]
    return sign_list(member_list("test", listed, version=version, now_seconds=now), keys_of("registry"))


def bearer(clock: Callable[[], float]) -> Callable[[Access, MemberId], str]:
    """What the portal at `netzwerk` signs for a person."""

    def sign(access: Access, audience: MemberId) -> str:
        return assertion.sign(
            access,
            issuer=MemberId("netzwerk"),
            audience=audience,
            key=keys_of("netzwerk").signing_key(),
            now_seconds=int(clock()),
        )

    return sign


def counting(count: int, member: str) -> Callable[[FeasibilityQuestion], FeasibilityAnswer]:
    """A site that always counts the same."""

    def answer(question: FeasibilityQuestion) -> FeasibilityAnswer:
        hidden = count < question.min_cell
        shown = f"<{question.min_cell}" if hidden else str(count)
        return FeasibilityAnswer(
            question.id, MemberId(member), None if hidden else count, shown, hidden, 7, 3
        )

    return answer


@dataclass
class SiteEnd:
    """One site's database and mailbox; `restart` gives a new mailbox on the same database."""

    name: str
    count: int
    clock: Clock
    url: str = field(default_factory=database_url)
    before_commit: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.pool: Pool = open_pool(self.url, max_size=3)
        with self.pool.connection() as connection:
            connection.execute("CREATE TABLE effect (question text NOT NULL)")
        self.mailbox = self.restart()

    def restart(self) -> Mailbox:
        self.mailbox = Mailbox.open(
            self.pool,
            keys=keys_of(self.name),
            registry=keys_of("registry").public(),
            handlers={"feasibility": self._handle},
            now=self.clock,
        )
        return self.mailbox

    def allow(self, project: str = PROJECT, until: int = START + 10**8, min_cell: int = 5) -> None:
        self.mailbox.allowances.allow(
            keys_of(project).public(), title="Lung", until=until, approved_by="Approver", min_cell=min_cell
        )

    def effects(self) -> list[str]:
        with self.pool.connection() as connection:
            return [str(row[0]) for row in connection.execute("SELECT question FROM effect")]

    def _handle(self, task: Task, allowance: Allowance, connection: Connection) -> Json:
        connection.execute("INSERT INTO effect (question) VALUES (%s)", (task.body["id"],))
        answer = answer_feasibility(counting(self.count, self.name), MemberId(self.name))(
            task, allowance, connection
        )
        self.before_commit()
        return answer


@dataclass
class World:
    """An opened region."""

    counts: Mapping[str, int]
    clock: Clock = field(default_factory=Clock)
    lease_seconds: int = 60

    def __post_init__(self) -> None:
        self.hub = Hub.open(
            HubSettings(
                database_url(), keys_of("hub"), keys_of("registry").public(),
                lease_seconds=self.lease_seconds, pool_size=4, now=self.clock,
            )
        )  # fmt: skip
        self.hub.members.accept(members(*self.counts))
        self.hub.projects.put(Project(PROJECT, "Lung"))
        self.app: Starlette = create_app(self.hub)
        self.sites = {name: SiteEnd(name, count, self.clock) for name, count in self.counts.items()}
        for site in self.sites.values():
            site.allow()

    def client(self) -> httpx.AsyncClient:
        """The hub without a network between."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://hub.local")

    def agent(self, name: str, client: httpx.AsyncClient | None = None) -> Agent:
        """A newly started agent of a site."""
        return Agent(self.sites[name].mailbox, client or self.client())

    def asker(self, client: httpx.AsyncClient | None = None, project: str = PROJECT) -> Asker:
        """The researchers' portal."""
        listed = verify_list(
            self.hub.members.token, keys_of("registry").public(), now_seconds=int(self.clock())
        )
        return Asker(
            client=client or self.client(),
            sender=keys_of("netzwerk"),
            projects={project: keys_of(project)},
            members=lambda: listed,
            bearer=bearer(self.clock),
            now=self.clock,
        )

    def close(self) -> None:
        self.hub.close()
        for site in self.sites.values():
            site.pool.close()
