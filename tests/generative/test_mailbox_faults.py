"""Whatever the network loses, repeats or garbles, and wherever a site is killed: no question lost, none
done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from mihub.errors import Unavailable
from mihub.site.mailbox.hub_client import Refused
from mihub.site.mailbox.work import MAX_DEATHS
from tests.wire_world import PROJECT, RESEARCHER, World

FAULTS = (
    "ok",
    "ok",
    "ok",
    "lost",
    "answer-lost",
    "twice",
    "proxy-page",
    "error-503",
    "killed",
    "killed-after",
)


class Killed(BaseException):
    """The site's process ends here."""


class BadNetwork(httpx.AsyncBaseTransport):
    """Does to each request what the next word says; fine when the words are used up."""

    def __init__(self, app: Starlette, faults: Iterator[str]) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self._faults = faults

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content, fault = await request.aread(), next(self._faults, "ok")
        if fault == "lost":
            raise httpx.ConnectError("lost", request=request)
        if fault == "killed":
            raise Killed
        if fault == "proxy-page":
            return httpx.Response(200, content=b"<html>Please sign in</html>", request=request)
        if fault == "error-503":
            return httpx.Response(503, headers={"retry-after": "5"}, request=request)
        answer = await self._inner.handle_async_request(request)
        if fault == "twice":
            again = httpx.Request(request.method, request.url, headers=request.headers, content=content)
            answer = await self._inner.handle_async_request(again)
        if fault == "answer-lost":
            raise httpx.ReadError("lost", request=request)
        if fault == "killed-after":
            raise Killed
        return answer


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World({"chemnitz": 120, "cottbus": 7})
    yield world
    world.close()


async def run_until_killed(world: World, name: str, faults: Iterator[str]) -> None:
    """One life of a site's agent: some rounds, until it is killed or three rounds are over."""
    network = BadNetwork(world.app, faults)
    async with httpx.AsyncClient(transport=network, base_url="http://hub.local") as client:
        agent = world.agent(name, client)
        for _ in range(3):
            try:
                await agent.step()
            except (Unavailable, Refused):
                pass
            except Killed:
                world.sites[name].restart()
                return
            finally:
                world.clock.seconds += 400


async def ask(world: World, count: int) -> list[str]:
    return [await world.asker().ask({"n": n}, PROJECT, RESEARCHER, min_cell=5) for n in range(count)]


def check_everything_happened_once(world: World, questions: list[str]) -> None:
    async def story() -> None:
        for _ in range(2):
            for name in world.sites:
                await run_until_killed(world, name, iter(()))
        for question in questions:
            status = await world.asker().status(question, RESEARCHER)
            assert [site.state for site in status.sites] == ["answered", "answered"], status.sites

    asyncio.run(story())
    for site in world.sites.values():
        effects = site.effects()
        assert sorted(one for one in effects if one in questions) == sorted(questions)
        assert len(effects) == len(set(effects))
        assert site.mailbox.outbox.waiting() == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 3),
    faults=st.lists(st.sampled_from(FAULTS), max_size=40),
    dies_in_handler=st.lists(st.booleans(), max_size=6),
)
def test_nothing_is_lost_and_nothing_done_twice(
    world: World, count: int, faults: list[str], dies_in_handler: list[bool]
) -> None:
    deaths, words = iter(dies_in_handler), iter(faults)

    def maybe_die() -> None:
        if next(deaths, False):
            raise Killed

    async def story() -> list[str]:
        questions = await ask(world, count)
        for site in world.sites.values():
            site.before_commit = maybe_die
        for _ in range(2):
            for name in world.sites:
                await run_until_killed(world, name, words)
        return questions

    questions = asyncio.run(story())
    for site in world.sites.values():
        site.before_commit = lambda: None
    check_everything_happened_once(world, questions)
    refused = [one for site in world.sites.values() for one in site.mailbox.inbox.untold()]
    assert refused == []


def test_a_letter_that_kills_the_handler_each_time_is_given_up(world: World) -> None:
    def die() -> None:
        raise Killed

    async def story() -> None:
        (question,) = await ask(world, 1)
        site = world.sites["chemnitz"]
        site.before_commit = die
        for _ in range(MAX_DEATHS + 1):
            await run_until_killed(world, "chemnitz", iter(()))
        site.before_commit = lambda: None
        await run_until_killed(world, "cottbus", iter(()))
        status = await world.asker().status(question, RESEARCHER)
        assert [(one.state, one.reason) for one in status.sites] == [
            ("refused", "process-died"),
            ("answered", ""),
        ]
        assert question not in site.effects()

    asyncio.run(story())


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"ok"}))
@pytest.mark.parametrize("place", range(4))
def test_each_fault_at_each_of_the_first_requests(world: World, fault: str, place: int) -> None:
    async def story() -> list[str]:
        questions = await ask(world, 1)
        for name in world.sites:
            await run_until_killed(world, name, iter(["ok"] * place + [fault]))
        return questions

    check_everything_happened_once(world, asyncio.run(story()))


def test_the_check_sees_an_effect_outside_the_transaction(world: World) -> None:
    """Without "effect and inbox state in one transaction" a death in the handler doubles the effect."""
    site = world.sites["chemnitz"]
    deaths = iter([True])

    def effect_elsewhere() -> None:
        with site.pool.connection() as other:
            other.execute("INSERT INTO effect (question) VALUES ('elsewhere')")
        if next(deaths, False):
            raise Killed

    async def story() -> None:
        await ask(world, 1)
        site.before_commit = effect_elsewhere
        for _ in range(2):
            await run_until_killed(world, "chemnitz", iter(()))
        site.before_commit = lambda: None

    asyncio.run(story())
    assert site.effects().count("elsewhere") == 2
    with site.pool.connection() as connection:
        connection.execute("DELETE FROM effect WHERE question = 'elsewhere'")


def test_the_check_sees_a_forgotten_inbox(world: World) -> None:
    """Without the inbox's memory of ids a letter that is handed out again is done again."""
    site = world.sites["chemnitz"]

    async def story() -> str:
        (question,) = await ask(world, 1)
        # The hub never hears of the receipt, and the site forgets what it has.
        await run_until_killed(world, "chemnitz", iter(["ok", "killed"]))
        with site.pool.connection() as connection:
            connection.execute("DELETE FROM mailbox_inbox")
        await run_until_killed(world, "chemnitz", iter(["ok", "lost", "killed"]))
        with site.pool.connection() as connection:
            connection.execute("DELETE FROM mailbox_inbox")
        await run_until_killed(world, "chemnitz", iter(()))
        return question

    question = asyncio.run(story())
    assert site.effects().count(question) == 2
    with site.pool.connection() as connection:
        connection.execute("DELETE FROM effect WHERE question = %s", (question,))
