"""A signed access statement holds only as RFC 7515, 7519 and 8725 let it: one algorithm, one use, one audience, minutes."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.core.policy.assertion import TTL_SECONDS, sign, verify
from mihub.core.wire.keys import KeySet
from mihub.core.wire.task import Task, sign_task
from mihub.errors import Unauthenticated

NOW = 1_800_000_000
HERE, PORTAL = MemberId("chemnitz"), MemberId("netzwerk")
KEYS = KeySet.generate(PORTAL)
OTHER = KeySet.generate("dresden")
KNOWN = {PORTAL: KEYS.public().verifying_key()}
WHO = Access(Actor("a", "A", Role.PATIENT, PORTAL), Purpose.PATIENT_REQUEST, TransportId("f1"), "CareTeam/1")


def _verify(token: str, now: int = NOW) -> Access:
    return verify(token, keys=KNOWN, audience=HERE, now_seconds=now)


def _genuine(**more: Any) -> str:
    given = {"issuer": PORTAL, "audience": HERE, "key": KEYS.signing_key(), "now_seconds": NOW} | more
    return sign(WHO, **given)


def _claims(**more: Any) -> dict[str, Any]:
    payload = _genuine().split(".")[1]
    return orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | more


def _made(header: dict[str, Any], claims: dict[str, Any], key: ECKey | OctKey | None = None) -> str:
    header = {"alg": "ES384", "typ": "mihub-access"} | header
    return jwt.encode(header, claims, key or KEYS.signing_key(), algorithms=[header["alg"]])


def _unsigned(header: Any, claims: Any) -> str:
    return (
        ".".join(base64.urlsafe_b64encode(orjson.dumps(p)).rstrip(b"=").decode() for p in (header, claims))
        + "."
    )


def test_a_genuine_statement_says_who_asks_whatever_key_id_it_names() -> None:
    assert _verify(_genuine()) == WHO
    assert _verify(_made({"kid": "of somebody else"}, _claims())) == WHO
    for now in (NOW - 60, NOW + TTL_SECONDS):
        assert _verify(_genuine(), now) == WHO


PUBLIC_PEM = KEYS.public().verifying_key().as_pem()


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (_unsigned({"alg": "none", "typ": "mihub-access"}, _claims()), "its signature does not hold"),
        (_made({"alg": "HS256"}, _claims(), OctKey.import_key(PUBLIC_PEM.replace(b"-----", b""))), "its signature does not hold"),
        (_made({}, _claims(), OTHER.signing_key()), "its signature does not hold"),
        (_made({}, _claims(iss="dresden"), OTHER.signing_key()), "the issuer is not a member of this region"),
        (_made({"typ": "mihub-request"}, _claims()), "it was signed for another use"),
        (_made({"typ": "JWT"}, _claims()), "it was signed for another use"),
        (_genuine(audience=MemberId("dresden")), "it was made for another organisation"),
        (_made({}, _claims(aud=[HERE])), "it was made for another organisation"),
        (_made({}, _claims(exp=NOW + 86_400)), "it has no valid lifetime"),
        (_made({}, {k: v for k, v in _claims().items() if k != "exp"}), "it has no valid lifetime"),
        (_made({}, _claims(exp=str(NOW))), "it has no valid lifetime"),
        (_genuine(now_seconds=NOW - TTL_SECONDS - 1), "it has expired or is not yet valid"),
        (_genuine(now_seconds=NOW + 61), "it has expired or is not yet valid"),
        (_made({}, _claims(role="king")), "its role or purpose is unknown here"),
        (sign_task(Task("t", PORTAL, "feasibility", HERE, NOW + 60, {}), KEYS), "the issuer is not a member"),
        ("a.b.c", "it is not a token"),
    ],
)  # fmt: skip
def test_what_is_not_genuine_is_refused_with_its_reason(token: str, why: str) -> None:
    with pytest.raises(Unauthenticated, match=why) as caught:
        _verify(token)
    assert "f1" not in str(caught.value)
