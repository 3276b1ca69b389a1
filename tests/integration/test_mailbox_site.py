"""The site's own half: who may ask here, whom it believes, and what a broken handler costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire.members import Member, member_list, sign_list
from mihub.core.wire.task import Allowance, Task
from mihub.database.pool import Connection
from mihub.errors import Forbidden, Unauthenticated, Unavailable
from mihub.portals.research.asker import SiteStatus
from mihub.site.mailbox.mailbox import Mailbox
from mihub.site.mailbox.work import backoff_seconds
from tests.wire_world import PROJECT, RESEARCHER, START, World, keys_of, members


@pytest.fixture
def world() -> Iterator[World]:
    world = World({"chemnitz": 120})
    yield world
    world.close()


def with_handler(
    world: World,
    handle: Callable[[Task, Allowance, Connection], Json],
    faults: tuple[type[Exception], ...] | None = None,
) -> None:
    site = world.sites["chemnitz"]
    more = {"handler_faults": faults} if faults else {}
    site.mailbox = Mailbox.open(
        site.pool,
        keys=keys_of("chemnitz"),
        registry=keys_of("registry").public(),
        handlers={"feasibility": handle},
        now=world.clock,
        **more,
    )


def ask_and_step(world: World, rounds: int = 1) -> SiteStatus:
    async def story() -> SiteStatus:
        question = await world.asker().ask({}, PROJECT, RESEARCHER)
        agent = world.agent("chemnitz")
        for _ in range(rounds):
            await agent.step()
            world.clock.seconds += 301
        return (await world.asker().status(question, RESEARCHER)).sites[0]

    return asyncio.run(story())


def test_an_allowance_is_listed_replaced_and_withdrawn(world: World) -> None:
    allowances = world.sites["chemnitz"].mailbox.allowances
    assert [(one.project, one.min_cell, one.approved_by) for one in allowances.all()] == [
        (PROJECT, 5, "Approver")
    ]
    world.sites["chemnitz"].allow(min_cell=20)
    assert allowances.get(PROJECT).min_cell == 20
    assert allowances.withdraw(PROJECT)
    assert not allowances.withdraw(PROJECT)
    with pytest.raises(Forbidden, match="not allowed at this site"):
        allowances.get(PROJECT)


def test_an_allowance_written_past_the_approver_does_not_count(world: World) -> None:
    site = world.sites["chemnitz"]
    with site.pool.connection() as connection:
        connection.execute("UPDATE mailbox_allowance SET token = replace(token, '.', '.x')")
    with pytest.raises(Unauthenticated, match="signed allowance is refused"):
        site.mailbox.allowances.get(PROJECT)
    assert ask_and_step(world).state == "refused"
    assert site.effects() == []


def test_a_project_whose_time_is_over_is_refused(world: World) -> None:
    world.sites["chemnitz"].allow(until=START - 1)
    found = ask_and_step(world)
    assert (found.state, found.reason) == ("refused", "project-over")


def test_the_site_learns_a_newer_member_list_and_keeps_it(world: World) -> None:
    ask_and_step(world)
    directory = world.sites["chemnitz"].mailbox.directory
    assert directory.version == 1
    world.hub.members.accept(members("chemnitz", "cottbus", version=2))
    asyncio.run(world.agent("chemnitz").step())
    assert directory.version == 2
    assert world.sites["chemnitz"].restart().directory.version == 2
    assert set(directory.assertion_keys()) == {MemberId("netzwerk")}
    with pytest.raises(Unauthenticated, match="older than the list already known"):
        directory.accept(members("chemnitz", version=1))


def test_an_expired_member_list_stops_all_work(world: World) -> None:
    ask_and_step(world)
    world.clock.seconds += 31 * 86_400
    directory = world.sites["chemnitz"].mailbox.directory
    assert directory.version == 0
    with pytest.raises(Unavailable, match="no valid list of members"):
        directory.assertion_keys()


def test_a_suspended_sender_is_refused(world: World) -> None:
    async def story() -> SiteStatus:
        question = await world.asker().ask({}, PROJECT, RESEARCHER)
        portal = Member(
            MemberId("netzwerk"), "N", "network", frozenset({"portal"}), keys_of("netzwerk").public(), False
        )
        rest = [
            Member(MemberId(name), name, name, frozenset({duty}), keys_of(name).public())
            for name, duty in (("chemnitz", "site"), ("hub", "hub"))
        ]
        listed = member_list("test", [portal, *rest], version=2, now_seconds=START)
        world.sites["chemnitz"].mailbox.directory.accept(sign_list(listed, keys_of("registry")))
        await world.agent("chemnitz").step()
        return (await world.asker().status(question, RESEARCHER)).sites[0]

    found = asyncio.run(story())
    assert (found.state, found.reason) == ("refused", "sender-unverified")
    assert world.sites["chemnitz"].effects() == []


def test_a_handler_that_must_wait_tries_again_and_costs_no_attempt(world: World) -> None:
    attempts = iter(range(10))

    def busy_then_done(task: Task, allowance: Allowance, connection: Connection) -> Json:
        if next(attempts) < 5:
            raise Unavailable("Facts are being rebuilt.", rule="facts-busy")
        return {}

    with_handler(world, busy_then_done)
    assert ask_and_step(world, rounds=4).state in ("received", "waiting")
    asyncio.run(world.agent("chemnitz").step())
    world.clock.seconds += 301
    asyncio.run(world.agent("chemnitz").step())
    assert next(attempts) == 6


def test_a_broken_handler_is_given_up_after_three_attempts(world: World) -> None:
    class DriverFault(Exception):
        """Not of our tree."""

    def broken(task: Task, allowance: Allowance, connection: Connection) -> Json:
        raise DriverFault

    with_handler(world, broken, (Exception,))
    found = ask_and_step(world, rounds=4)
    assert (found.state, found.reason) == ("refused", "handler-crashed")


def test_a_site_without_an_answer_to_this_kind_says_so(world: World) -> None:
    site = world.sites["chemnitz"]
    site.mailbox = Mailbox.open(
        site.pool,
        keys=keys_of("chemnitz"),
        registry=keys_of("registry").public(),
        handlers={},
        now=world.clock,
    )
    found = ask_and_step(world)
    assert (found.state, found.reason) == ("refused", "kind-unknown")


def test_back_off_grows_to_five_minutes_with_full_jitter() -> None:
    waits = [[backoff_seconds(attempts) for _ in range(200)] for attempts in range(20)]
    for attempts, some in enumerate(waits):
        assert 0.0 <= min(some) <= max(some) <= min(300.0, 2.0**attempts)
    assert max(waits[19]) > 200
    assert min(waits[19]) < 100
