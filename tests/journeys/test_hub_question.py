"""A question goes to every site and comes back: answered, suppressed, silent, refused, expired — each
with its name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.errors import Forbidden, NotFound
from tests.wire_world import PROJECT, RESEARCHER, World, keys_of

CCDL = {"version": "http://to_be_decided.com/draft-2/schema#", "inclusionCriteria": []}


@pytest.fixture
def world() -> Iterator[World]:
    world = World({"chemnitz": 120, "cottbus": 3, "praxis-a": 40})
    yield world
    world.close()


def test_each_site_answers_and_the_silent_one_is_named(world: World) -> None:
    async def story() -> None:
        asker = world.asker()
        question = await asker.ask(CCDL, PROJECT, RESEARCHER, title="Lung cancer", min_cell=5)
        await world.agent("chemnitz").step()
        await world.agent("cottbus").step()
        world.clock.seconds += 3600
        status = await asker.status(question, RESEARCHER)

        assert [(site.member, site.state, site.shown) for site in status.sites] == [
            ("chemnitz", "answered", "120"),
            ("cottbus", "answered", "<5"),
            ("praxis-a", "waiting", ""),
        ]
        assert [site.name for site in status.silent] == ["Praxis-A"]
        assert status.sites[2].since.timestamp() == world.clock.seconds - 3600
        assert (status.total, status.title, status.ccdl) == (120, "Lung cancer", CCDL)
        assert (status.sites[0].position, status.sites[0].duration_ms) == (7, 3)
        assert status.sites[1].suppressed
        assert status.sites[1].count is None

        await world.agent("praxis-a").step()
        assert (await asker.status(question, RESEARCHER)).silent == ()
        assert [one.question_id for one in await asker.questions(RESEARCHER)] == [question]
        assert [one.id for one in await asker.projects(RESEARCHER)] == [PROJECT]

    asyncio.run(story())


def test_the_stricter_smallest_cell_of_site_and_project_holds(world: World) -> None:
    world.sites["praxis-a"].allow(min_cell=50)

    async def story() -> None:
        question = await world.asker().ask(CCDL, PROJECT, RESEARCHER, min_cell=5, sites=["praxis-a"])
        await world.agent("praxis-a").step()
        status = await world.asker().status(question, RESEARCHER)
        assert [site.shown for site in status.sites] == ["<50"]

    asyncio.run(story())


def test_a_site_that_has_not_allowed_the_project_refuses_with_the_rule(world: World) -> None:
    world.sites["cottbus"].mailbox.allowances.withdraw(PROJECT)

    async def story() -> None:
        question = await world.asker().ask(CCDL, PROJECT, RESEARCHER, sites=["cottbus"])
        await world.agent("cottbus").step()
        (site,) = (await world.asker().status(question, RESEARCHER)).sites
        assert (site.state, site.reason, site.shown) == ("refused", "project-not-allowed", "")

    asyncio.run(story())
    assert world.sites["cottbus"].effects() == []


def test_a_site_offline_for_thirty_days_loses_nothing_that_has_not_expired(world: World) -> None:
    async def story() -> None:
        asker, day = world.asker(), 86_400
        short = await asker.ask(CCDL, PROJECT, RESEARCHER, sites=["chemnitz"], ttl_seconds=7 * day)
        long = await asker.ask(CCDL, PROJECT, RESEARCHER, sites=["chemnitz"], ttl_seconds=40 * day)
        world.clock.seconds += 29 * day
        await world.agent("chemnitz").step()
        assert (await asker.status(short, RESEARCHER)).sites[0].state == "expired"
        assert (await asker.status(long, RESEARCHER)).sites[0].state == "answered"
        # The expired letter keeps its place in the count, so the next question still follows.
        third = await asker.ask(CCDL, PROJECT, RESEARCHER, sites=["chemnitz"])
        await world.agent("chemnitz").step()
        assert (await asker.status(third, RESEARCHER)).sites[0].state == "answered"

    asyncio.run(story())


def test_a_restarted_portal_and_a_second_one_count_on_from_the_same_stream(world: World) -> None:
    async def story() -> None:
        first, second = world.asker(), world.asker()
        asked = await asyncio.gather(
            *(asker.ask(CCDL, PROJECT, RESEARCHER) for asker in (first, second, first))
        )
        for name in world.sites:
            await world.agent(name).step()
        for question in asked:
            status = await second.status(question, RESEARCHER)
            assert {site.state for site in status.sites} == {"answered"}

    asyncio.run(story())
    assert all(len(site.effects()) == 3 for site in world.sites.values())


def test_only_researchers_ask_and_nobody_reads_anothers_question(world: World) -> None:
    nurse = Access(Actor("n1", "Nurse", Role.NURSE, MemberId("chemnitz")), Purpose.TREATMENT)
    other = Access(Actor("r2", "Other", Role.RESEARCHER, MemberId("netzwerk")), Purpose.RESEARCH)

    async def story() -> None:
        question = await world.asker().ask(CCDL, PROJECT, RESEARCHER)
        with pytest.raises(Forbidden, match="Only an asker"):
            await world.asker().ask(CCDL, PROJECT, nurse)
        with pytest.raises(NotFound, match="no such question of yours"):
            await world.asker().status(question, other)
        with pytest.raises(Forbidden, match="does not hold the project's key"):
            await world.asker(project="other").ask(CCDL, PROJECT, RESEARCHER)

    asyncio.run(story())


def test_the_hub_keeps_neither_question_nor_count_in_clear(world: World) -> None:
    async def story() -> None:
        await world.asker().ask(
            {"marker": "XQZ-CCDL-MARKER"}, PROJECT, RESEARCHER, title="XQZ-RESEARCH-TITLE"
        )
        for name in world.sites:
            await world.agent(name).step()

    asyncio.run(story())
    with world.hub.pool.connection() as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'hub_%'"
        ).fetchall()
        dump = "\n".join(
            str(row)
            for (table,) in tables
            for row in connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t")
        )
        letters = b"".join(bytes(one) for (one,) in connection.execute("SELECT letter FROM hub_letter"))
    assert len(letters) > 10_000
    for secret in ("XQZ-CCDL-MARKER", "XQZ-RESEARCH-TITLE", "suppressed", "consent_codes"):
        assert secret not in dump
        assert secret.encode() not in letters
    assert keys_of("hub").public().kid not in dump
