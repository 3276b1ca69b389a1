"""The region's list of members, signed by the registry: who exists, with which keys and duties.

Nobody is believed because the hub says so: every party checks this list against the registry's key that it
was given at enrolment. An older list never replaces a newer one. Source: network trust root, reference design
of TUF. Above: `signature`, `envelope`, hub, trust, sites. Below: `compact`, `keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import ECKey

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire.compact import refused, sign, verify
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.errors import Unauthenticated

_USE = "member-list"
MONTH_SECONDS = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation. `duties`: "site" answers questions, "record" keeps the care record, "portal" vouches
    for people, "hub", "trust".

    `kind` is what it is to people ("hospital", "practice"). A suspended member stays on the list with
    `active` false.
    """

    id: MemberId
    name: str
    kind: str
    duties: frozenset[str]
    keys: PublicKeys
    active: bool = True


@dataclass(frozen=True, slots=True)
class MemberList:
    """A version of the list. `version` grows; `expires_at` in seconds of the epoch."""

    network: str
    version: int
    issued_at: int
    expires_at: int
    members: Mapping[MemberId, Member] = field(default_factory=dict)

    def get(self, member: str) -> Member:
        """The active member. Raises `Unauthenticated` for an unknown or suspended one."""
        found = self.members.get(MemberId(member))
        if found is None or not found.active:
            raise Unauthenticated(
                "The sender is not an active member of this region.",
                rule="member list",
                next_step="Enrol the organisation, or load the newest list of members.",
            )
        return found

    def with_duty(self, duty: str) -> tuple[Member, ...]:
        """Active members with this duty, in the list's order."""
        return tuple(one for one in self.members.values() if one.active and duty in one.duties)

    def assertion_keys(self) -> dict[MemberId, ECKey]:
        """Whose portals may vouch for people (`core.policy.assertion.verify`)."""
        return {one.id: one.keys.verifying_key() for one in self.with_duty("portal")}


def member_list(
    network: str, members: list[Member], *, version: int, now_seconds: int, valid_seconds: int = MONTH_SECONDS
) -> MemberList:
    """A new version that holds from now on."""
    return MemberList(
        network, version, now_seconds, now_seconds + valid_seconds, {one.id: one for one in members}
    )


def sign_list(listed: MemberList, registry: KeySet) -> str:
    """The list as a signed text, for the hub to hand out."""
    body = {
        "network": listed.network,
        "version": listed.version,
        "iat": listed.issued_at,
        "exp": listed.expires_at,
        "members": [_to_json(one) for one in listed.members.values()],
    }
    return sign(body, registry, _USE)


def verify_list(
    token: str, registry: PublicKeys, *, now_seconds: int, newer_than: MemberList | None = None
) -> MemberList:
    """The list. Raises `Unauthenticated` when forged, expired, or older than the one already known."""
    body = verify(token, registry, _USE)
    listed = _from_json(body)
    if now_seconds > listed.expires_at:
        raise refused(_USE, "it has expired")
    if newer_than is not None and listed.version < newer_than.version:
        raise refused(_USE, "it is older than the list already known here")
    return listed


def kept_list(token: str, registry: PublicKeys) -> MemberList | None:
    """A list kept from before, also when expired (so that no older one replaces it); None under another
    registry."""
    try:
        return verify_list(token, registry, now_seconds=0)
    except Unauthenticated:
        return None


def _to_json(one: Member) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "kind": one.kind,
        "duties": sorted(one.duties),
        "active": one.active,
        "keys": one.keys.to_json(),
    }


def _from_json(body: Json) -> MemberList:
    try:
        members = [_member(one) for one in body["members"]]
        return MemberList(
            network=str(body["network"]),
            version=int(body["version"]),
            issued_at=int(body["iat"]),
            expires_at=int(body["exp"]),
            members={one.id: one for one in members},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise refused(_USE, "a field is missing or of another type") from error


def _member(body: Any) -> Member:
    return Member(
        id=MemberId(str(body["id"])),
        name=str(body["name"]),
        kind=str(body["kind"]),
        duties=frozenset(str(duty) for duty in body["duties"]),
        keys=PublicKeys.from_json(body["keys"]),
        active=body["active"] is True,
    )
