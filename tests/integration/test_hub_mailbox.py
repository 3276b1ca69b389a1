"""The mailbox rules at the hub's door, one test each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire.envelope import Envelope, Header, envelope_id, seal
from mihub.core.wire.members import verify_list
from mihub.core.wire.receipt import Receipt, sign_receipt, verify_receipt
from mihub.core.wire.signature import HEADER, sign_request
from mihub.core.wire.task import Task, sign_task
from mihub.database.member_list import KeptMembers
from mihub.errors import Conflict, Forbidden, MihubError, NotFound, Unauthenticated, Unavailable
from mihub.site.mailbox.hub_client import Refused, SignedClient
from tests.wire_world import PROJECT, RESEARCHER, START, World, keys_of, members


@pytest.fixture
def world() -> Iterator[World]:
    world = World({"chemnitz": 120, "cottbus": 50})
    yield world
    world.close()


def letter(seq: int = 1, prev: str = "", sender: str = "chemnitz", **changes: Any) -> Envelope:
    header = Header(
        id=envelope_id(), net="test", kind="task", sender=MemberId(sender), receiver=MemberId("cottbus"),
        stream="site", corr="", seq=seq, prev=prev, created=START, expires=START + 600,
        sender_kid="", receiver_kid="",
    )  # fmt: skip
    return seal({}, replace(header, **changes), keys_of(sender), keys_of("cottbus").public())


def call(world: World, member: str, method: str, path: str, body: bytes = b"") -> Json:
    async def send() -> Json:
        async with world.client() as client:
            return await SignedClient(client, keys_of(member), MemberId("hub"), world.clock).send(
                method, path, body
            )

    try:
        return asyncio.run(send())
    except Refused as refused:
        raise refused.error from None


def put(world: World, one: Envelope, member: str = "chemnitz") -> Receipt:
    body = call(world, member, "PUT", f"/hub/letters/{one.header.id}", one.to_bytes())
    return verify_receipt(body["receipt"], keys_of("hub").public())


def poll(world: World, member: str = "cottbus", query: str = "wait=0") -> list[str]:
    return list(call(world, member, "GET", f"/hub/mailbox?{query}")["letters"])


def test_rule_1_same_letter_again_is_fine_another_under_its_id_is_an_alert(world: World) -> None:
    one = letter()
    first, second = put(world, one), put(world, one)
    assert (
        (first.state, first.head_sha256)
        == (second.state, second.head_sha256)
        == (
            "queued",
            one.header.digest(),
        )
    )
    with pytest.raises(Conflict, match="id was used for another letter"):
        put(world, letter(id=one.header.id))
    assert ("alert", "id-reused") in world.hub.letters.events(one.header.id)
    assert len(poll(world)) == 1


def test_rule_2_a_lease_hides_a_letter_and_its_end_returns_it(world: World) -> None:
    put(world, letter())
    assert len(poll(world)) == 1
    assert poll(world) == []
    world.clock.seconds += 59
    assert poll(world) == []
    world.clock.seconds += 1
    assert len(poll(world)) == 1
    assert poll(world) == []
    assert len(poll(world, query="wait=0&fresh=1")) == 1


def test_rule_4_states_go_forward_only_and_each_change_is_kept(world: World) -> None:
    one = letter()
    put(world, one)
    poll(world)
    for state in ("received", "done", "received", "failed"):
        receipt = Receipt(one.header.id, one.header.digest(), MemberId("cottbus"), state, START)  # type: ignore[arg-type]  # all are states
        token = sign_receipt(receipt, keys_of("cottbus")).encode()
        call(world, "cottbus", "POST", f"/hub/letters/{one.header.id}/receipt", token)
    assert [event for event, _ in world.hub.letters.events(one.header.id)] == [
        "queued",
        "leased",
        "received",
        "done",
    ]
    assert poll(world, query="wait=0&fresh=1") == []


def test_only_the_receiver_gives_receipts(world: World) -> None:
    one = letter()
    put(world, one)
    path = f"/hub/letters/{one.header.id}/receipt"
    own = Receipt(one.header.id, one.header.digest(), MemberId("chemnitz"), "done", START)
    with pytest.raises(NotFound, match="no such letter to this receiver"):
        call(world, "chemnitz", "POST", path, sign_receipt(own, keys_of("chemnitz")).encode())
    other = Receipt(one.header.id, "0" * 64, MemberId("cottbus"), "done", START)
    with pytest.raises(Conflict, match="another letter with this id"):
        call(world, "cottbus", "POST", path, sign_receipt(other, keys_of("cottbus")).encode())
    foreign = sign_receipt(replace(own, by=MemberId("cottbus")), keys_of("chemnitz")).encode()
    with pytest.raises(Unauthenticated, match="signature does not hold"):
        call(world, "cottbus", "POST", path, foreign)


def test_rule_5_gap_regress_and_broken_chain_are_told_apart(world: World) -> None:
    first = letter()
    put(world, first)
    second = letter(2, first.header.digest())
    with pytest.raises(Conflict, match="missing before this one") as gap:
        put(world, letter(3, second.header.digest()))
    assert (gap.value.rule, gap.value.where) == ("seq-gap", "2")
    with pytest.raises(Conflict, match="does not follow"):
        put(world, letter(2, "0" * 64))
    with pytest.raises(Conflict, match="count went back"):
        put(world, letter(1))
    put(world, second)


def test_rule_5_a_hub_set_back_gets_everything_again(world: World) -> None:
    async def answer(times: int) -> list[str]:
        asked = []
        for _ in range(times):
            asked.append(await world.asker().ask({}, PROJECT, RESEARCHER, sites=["chemnitz"]))
            await world.agent("chemnitz").step()
        return asked

    asked = asyncio.run(answer(2))
    with world.hub.pool.connection() as connection:
        # A backup from before the answers were there.
        connection.execute("UPDATE hub_question_site SET answer = NULL")
        connection.execute("DELETE FROM hub_letter WHERE kind = 'result'")
    asked += asyncio.run(answer(1))

    async def states() -> list[str]:
        for _ in range(3):
            world.clock.seconds += 300
            await world.agent("chemnitz").step()
        found = [await world.asker().status(one, RESEARCHER) for one in asked]
        return [one.sites[0].state for one in found]

    assert asyncio.run(states()) == ["answered"] * 3
    assert len(world.sites["chemnitz"].effects()) == 3


def test_rule_5_a_site_refuses_a_place_that_is_taken(world: World) -> None:
    site = world.sites["cottbus"].mailbox
    asyncio.run(world.agent("cottbus").step())
    first, again = letter(), letter()
    assert site.inbox.receive(first.to_bytes()) is None
    assert site.inbox.receive(first.to_bytes()) is None
    receipt = site.inbox.receive(again.to_bytes())
    assert receipt is not None
    assert (receipt.state, receipt.reason) == ("refused", "seq-regress")
    assert site.inbox.events(again.header.id) == [("alert", "seq-regress")]


def test_a_recorded_request_counts_once(world: World) -> None:
    token = sign_request(
        keys_of("cottbus"), audience=MemberId("hub"), method="GET", path="/hub/mailbox?wait=0", body=b"",
        now_seconds=START, nonce="n" * 32,
    )  # fmt: skip

    async def twice() -> list[httpx.Response]:
        async with world.client() as client:
            return [await client.get("/hub/mailbox?wait=0", headers={HEADER: token}) for _ in range(2)]

    first, second = asyncio.run(twice())
    assert first.status_code == 200
    assert second.status_code == 401
    assert "it was sent before" in second.json()["what"]
    assert first.headers["mihub-time"] == str(START)


def test_rule_6_a_wrong_clock_signs_nothing(world: World) -> None:
    async def send(seconds: int) -> None:
        async with world.client() as client:
            wrong = SignedClient(
                client, keys_of("cottbus"), MemberId("hub"), lambda: world.clock.seconds + seconds
            )
            await wrong.fetch("/hub/members")
            await wrong.send("GET", "/hub/mailbox?wait=0")

    asyncio.run(send(299))
    with pytest.raises(MihubError, match="nothing is signed"):
        asyncio.run(send(-301))


def test_a_member_hands_in_only_its_own_letters(world: World) -> None:
    with pytest.raises(Forbidden, match="only its own letters"):
        put(world, letter(), member="cottbus")
    with pytest.raises(Unauthenticated, match="not an active member"):
        put(world, letter(sender="stranger"), member="stranger")


def test_an_unsigned_request_is_refused(world: World) -> None:
    async def unsigned() -> httpx.Response:
        async with world.client() as client:
            return await client.get("/hub/mailbox?wait=0")

    answer = asyncio.run(unsigned())
    assert answer.status_code == 401
    assert "The request is not signed" in answer.json()["what"]


def test_a_hub_that_makes_up_a_question_is_refused_by_the_site(world: World) -> None:
    """The hub knows every public key and the project's name; what it lacks is the project's private key."""
    world.hub.members.accept(members("chemnitz", "cottbus", version=2))
    asyncio.run(world.agent("cottbus").step())
    forged = letter(sender="hub", stream="research")
    task = Task(
        forged.header.id, PROJECT, "feasibility", MemberId("cottbus"), START + 600,
        {"id": "q", "project": PROJECT, "ccdl": {}, "consent_codes": [], "min_cell": 5},
    )  # fmt: skip
    made_up = seal(
        {"task": sign_task(task, keys_of("hub"))},
        forged.header,
        keys_of("hub"),
        keys_of("cottbus").public(),
    )
    world.hub.letters.accept(made_up)
    posing = letter(stream="research")
    posing = replace(posing, header=replace(posing.header, sender=MemberId("netzwerk")))
    asyncio.run(world.agent("cottbus").step())
    assert world.sites["cottbus"].effects() == []
    assert world.hub.letters.events(made_up.header.id)[-1] == (
        "refused",
        "signed task (core.wire)",
    )
    receipt = world.sites["cottbus"].mailbox.inbox.receive(_signed_by("hub", posing.header).to_bytes())
    assert receipt is not None
    assert receipt.reason == "sender-unverified"


def _signed_by(signer: str, header: Header) -> Envelope:
    """A letter "from" the header's sender that somebody else signed."""
    return seal({}, header, keys_of(signer), keys_of("cottbus").public())


def test_a_forged_answer_is_not_shown(world: World) -> None:
    async def story() -> None:
        asker = world.asker()
        first = await asker.ask({}, PROJECT, RESEARCHER, sites=["chemnitz"])
        second = await asker.ask({}, PROJECT, RESEARCHER, sites=["chemnitz"])
        await world.agent("chemnitz").step()
        with world.hub.pool.connection() as connection:
            # The hub swaps the answers of two questions.
            connection.execute(
                "UPDATE hub_question_site SET answer = (SELECT answer FROM hub_question_site"
                " WHERE question = %s) WHERE question = %s",
                (second, first),
            )
        site = (await asker.status(first, RESEARCHER)).sites[0]
        assert (site.state, site.reason, site.shown, site.count) == ("refused", "not-genuine", "", None)

    asyncio.run(story())


def test_a_long_poll_ends_when_a_letter_arrives(world: World) -> None:
    async def story() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        async with world.client() as client:
            site = SignedClient(client, keys_of("cottbus"), MemberId("hub"), world.clock)
            sender = SignedClient(client, keys_of("chemnitz"), MemberId("hub"), world.clock)
            waiting = asyncio.create_task(site.send("GET", "/hub/mailbox?wait=25"))
            await asyncio.sleep(0.1)
            one = letter()
            started = loop.time()
            await sender.send("PUT", f"/hub/letters/{one.header.id}", one.to_bytes())
            body = await waiting
            return len(body["letters"]), loop.time() - started

    count, seconds = asyncio.run(story())
    assert count == 1
    # The announcement wakes the poll; the fall-back look would also be far below the 25 s asked for.
    assert seconds < 10


def test_bad_parameters_and_bodies_are_named(world: World) -> None:
    with pytest.raises(MihubError, match="'wait' is not a whole number"):
        call(world, "cottbus", "GET", "/hub/mailbox?wait=soon")
    with pytest.raises(MihubError, match="not a JSON object with head, key and ct"):
        call(world, "cottbus", "PUT", "/hub/letters/1", orjson.dumps([1]))


def test_a_hub_that_slept_past_its_list_opens_and_takes_a_new_one(world: World) -> None:
    later = START + 40 * 86_400
    world.clock.seconds = later
    slept = KeptMembers(world.hub.pool, "hub_member_list", keys_of("registry").public(), world.clock)
    with pytest.raises(Unavailable, match="no valid list of members"):
        _ = slept.current
    assert slept.accept(members("chemnitz", version=2, now=later)).version == 2
    assert slept.current.version == 2
    stranger = KeptMembers(world.hub.pool, "hub_member_list", keys_of("other-registry").public(), world.clock)
    with pytest.raises(Unavailable, match="no valid list of members"):
        _ = stranger.current


def test_of_two_lists_that_arrive_at_once_the_newer_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one is checked first and kept last, if nothing holds it back."""
    kept = world.hub.members
    newer, older = (members("chemnitz", "cottbus", version=kept.version + more) for more in (2, 1))
    checked, arrived = threading.Event(), threading.Event()

    def slow(token: str, *arguments: Any, **named: Any) -> Any:
        listed = verify_list(token, *arguments, **named)
        if token == older:
            checked.set()
            arrived.wait(0.5)
        return listed

    monkeypatch.setattr("mihub.database.member_list.verify_list", slow)
    first = threading.Thread(target=kept.accept, args=(older,))
    first.start()
    assert checked.wait(5)
    kept.accept(newer)
    arrived.set()
    first.join()
    assert kept.token == newer
