"""The members' side: hand in a letter, fetch letters by long poll, hand in receipts. Outgoing connections
only.

Below: `hub.mailbox`, `door`. Routes are put together in `app`.
"""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from mihub.core.policy.actor import MemberId
from mihub.core.wire.envelope import parse, verify_sender
from mihub.core.wire.receipt import Receipt, sign_receipt, verify_receipt
from mihub.door.caller import body_of
from mihub.errors import Forbidden, InvalidInput
from mihub.hub.api.served import hub_of
from mihub.hub.hub import Hub
from mihub.hub.mailbox.arrivals import wait_for


async def put_letter(request: Request) -> JSONResponse:
    """`PUT /hub/letters/{id}`: 201 accepted or 200 known, with the hub's signed receipt; 409 for another
    letter.
    """
    hub = hub_of(request)
    member = await hub.door.member_of(request)
    letter = parse(await body_of(request))
    if letter.header.id != request.path_params["id"]:
        raise InvalidInput("The letter's id is not that of the address.", rule="one id, one letter")
    if letter.header.sender != member.id:
        raise Forbidden("A member hands in only its own letters.", rule="sender signs")
    verify_sender(letter, member.keys)
    hub.members.current.get(letter.header.receiver)
    acceptance = await run_in_threadpool(hub.letters.accept, letter)
    hub.arrivals.announce(letter.header.receiver)
    now = int(hub.settings.now())
    receipt = Receipt(letter.header.id, letter.header.digest(), hub.id, "queued", now)
    token = sign_receipt(receipt, hub.settings.keys)
    return JSONResponse({"receipt": token}, 201 if acceptance == "accepted" else 200)


async def poll(request: Request) -> JSONResponse:
    """`GET /hub/mailbox?wait=25&fresh=1`: the member's next letters under a lease; empty after `wait`
    seconds.
    """
    hub = hub_of(request)
    member = await hub.door.member_of(request)
    wait = min(_whole(request, "wait"), hub.settings.max_wait_seconds)
    letters = await _lease(hub, request, member.id, wait, fresh=_whole(request, "fresh") == 1)
    return JSONResponse(
        {"letters": [letter.decode() for letter in letters], "members": hub.members.current.version}
    )


async def put_receipt(request: Request) -> JSONResponse:
    """`POST /hub/letters/{id}/receipt`: the receiver's signed word on one letter."""
    hub = hub_of(request)
    member = await hub.door.member_of(request)
    token = (await body_of(request)).decode("ascii", "replace")
    receipt = verify_receipt(token, member.keys)
    if receipt.id != request.path_params["id"]:
        raise InvalidInput("The receipt's id is not that of the address.", rule="one id, one letter")
    await run_in_threadpool(hub.letters.receive_receipt, receipt, token)
    return JSONResponse({"state": receipt.state})


async def last_heads(request: Request) -> JSONResponse:
    """`GET /hub/streams/{stream}?sender=`: the newest header to each receiver, for a sender that counts
    on."""
    hub = hub_of(request)
    access = hub.door.access_of(request)
    sender = MemberId(request.query_params.get("sender", ""))
    if not hub.projects.for_asker(access):
        raise Forbidden("Only an asker of a project counts on.", rule="hub.projects")
    heads = await run_in_threadpool(hub.letters.last_heads, sender, request.path_params["stream"])
    return JSONResponse({"last": heads})


async def _lease(hub: Hub, request: Request, member: MemberId, wait: int, *, fresh: bool) -> list[bytes]:
    arrival = hub.arrivals.expect(member)
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        while True:
            letters = await run_in_threadpool(hub.letters.lease, member, fresh=fresh)
            waited = clock() - started
            # A caller that hung up must not be given a lease that nobody holds.
            if letters or waited >= wait or await request.is_disconnected():
                return letters
            await wait_for(arrival, wait - waited)
            fresh = False
    finally:
        hub.arrivals.forget(member, arrival)


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise InvalidInput(f"The parameter {name!r} is not a whole number.", where=f"?{name}=")
    return int(text)
