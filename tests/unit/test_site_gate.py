"""A statement that was checked is known again, for as long as it would be accepted anew."""

from __future__ import annotations

import pytest
from joserfc.jwk import ECKey

from mihub.core.policy import assertion
from mihub.core.policy.actor import MemberId
from mihub.core.policy.rules import Place
from mihub.errors import Unauthenticated
from mihub.site.access.gate import Gate
from tests.store_record import HERE, KEY, PORTAL, access


def test_a_known_statement_ends_with_its_time_and_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    now, keys = [1_000_000.0], {PORTAL: KEY}
    gate = Gate(Place(HERE, "hospital"), lambda: keys, lambda _: None, lambda: now[0])
    header = (
        f"Bearer {assertion.sign(access(), issuer=PORTAL, audience=HERE, key=KEY, now_seconds=1_000_000)}"
    )
    checked: list[str] = []
    prove = assertion.prove

    def counted(token: str, **more: object) -> assertion.Proven:
        checked.append(token)
        return prove(token, **more)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr("mihub.site.access.gate.prove", counted)
    assert gate.authenticate(header) == gate.authenticate(header) == access()
    assert len(checked) == 1
    assert (gate.known(header), gate.known(None), gate.known("Bearer other")) == (access(), None, None)
    with pytest.raises(Unauthenticated, match="signature"):
        gate.authenticate(header[:-6] + "AAAAAA")
    now[0] += assertion.TTL_SECONDS + 1
    assert gate.known(header) is None
    with pytest.raises(Unauthenticated, match="expired"):
        gate.authenticate(header)
    now[0] -= 60
    assert gate.authenticate(header) == access()
    keys[PORTAL] = ECKey.generate_key("P-384", private=True)
    assert gate.known(header) is None
    with pytest.raises(Unauthenticated, match="signature"):
        gate.authenticate(header)
    del keys[PORTAL]
    with pytest.raises(Unauthenticated, match="not a member"):
        gate.authenticate(header)


def test_a_gate_forgets_the_oldest_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mihub.site.access.gate._REMEMBERED", 2)
    gate = Gate(Place(HERE, "hospital"), lambda: {PORTAL: KEY}, lambda _: None, lambda: 1_000_000)
    for number in range(4):
        who = access(organization=MemberId(f"o{number}"))
        gate.authenticate(
            f"Bearer {assertion.sign(who, issuer=PORTAL, audience=HERE, key=KEY, now_seconds=1_000_000)}"
        )
    assert len(gate._proven) == 2
