"""What the trust centre is asked: take encodings from a site, tell a person's records to people in care.

Below: `trust.registry`, `trust.linkage`, `door`. Routes are put together in `app`.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from mihub.core.linkage.encode import CLK_BYTES
from mihub.core.policy.actor import MemberId, PersonId, TransportId
from mihub.core.wire.identity import MAX_BATCH, EncodedIdentity
from mihub.door.caller import body_of, json_of
from mihub.errors import Forbidden, InvalidInput
from mihub.trust.registry.persons import Person
from mihub.trust.trust import Trust


async def take_identities(request: Request) -> JSONResponse:
    """`POST /trust/identities`: a site's encodings; the answer is a count and no person's id."""
    trust = _served(request)
    member = await trust.door.member_of(request)
    if not member.duties & {"site", "record"}:
        raise Forbidden("Only sites and the care record hand in identities.", rule="member list")
    sent = (await json_of(request)).get("identities")
    if not isinstance(sent, list) or len(sent) > MAX_BATCH:
        raise InvalidInput(
            f"The request holds no list of at most {MAX_BATCH} identities.", where="$.identities"
        )
    identities = [EncodedIdentity.from_json(one, clk_bytes=CLK_BYTES) for one in sent]
    linked = await run_in_threadpool(trust.linkage.take, member.id, identities)
    return JSONResponse({"received": len(identities), "changed": linked})


async def read_person(request: Request) -> JSONResponse:
    """`GET /trust/persons/{id}`: the person's records, for people in care."""
    trust = _served(request)
    access = trust.door.access_of(request)
    person = PersonId(request.path_params["id"])
    return _document(await run_in_threadpool(trust.persons.read, person, access))


async def lookup(request: Request) -> JSONResponse:
    """`GET /trust/lookup?member=&transport_id=`: the same document, from one record of the person."""
    trust = _served(request)
    access = trust.door.access_of(request)
    member = MemberId(request.query_params.get("member", ""))
    transport_id = TransportId(request.query_params.get("transport_id", ""))
    return _document(await run_in_threadpool(trust.persons.lookup, member, transport_id, access))


async def read_members(request: Request) -> JSONResponse:
    """`GET /trust/members`: the version of the member list in use here; also how a site compares its
    clock."""
    return JSONResponse({"version": _served(request).members.current.version})


async def publish_members(request: Request) -> JSONResponse:
    """`POST /trust/members`: keep a newer list."""
    token = (await body_of(request)).decode("ascii", "replace")
    listed = await run_in_threadpool(_served(request).members.accept, token)
    return JSONResponse({"version": listed.version})


def _document(person: Person) -> JSONResponse:
    records = [{"member": member, "transport_id": transport_id} for member, transport_id in person.records]
    return JSONResponse({"person": person.id, "records": records})


def _served(request: Request) -> Trust:
    trust = request.app.state.trust
    if not isinstance(trust, Trust):
        raise TypeError("The app was made without a trust centre.")
    return trust
