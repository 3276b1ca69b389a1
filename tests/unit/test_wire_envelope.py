"""Keys, envelopes, tasks, receipts and lists: what was changed, forged, misdirected or outdated does
not count."""

from __future__ import annotations

import base64
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.policy.actor import MemberId
from mihub.core.wire import envelope as wire
from mihub.core.wire import keyfile
from mihub.core.wire.compact import sign
from mihub.core.wire.feasibility import FeasibilityAnswer, FeasibilityQuestion
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.core.wire.members import member_list, sign_list, verify_list
from mihub.core.wire.receipt import Receipt, sign_receipt, verify_receipt
from mihub.core.wire.signature import sign_request, verify_request
from mihub.core.wire.task import Allowance, Task, sign_task, verify_task
from mihub.errors import ConfigurationError, Forbidden, InvalidInput, TooLarge, Unauthenticated
from tests.wire_world import START, keys_of, members

HEADER = wire.Header(
    id="018f-1", net="test", kind="task", sender=MemberId("netzwerk"), receiver=MemberId("chemnitz"),
    stream="research", corr="", seq=1, prev="", created=START, expires=START + 60,
    sender_kid="", receiver_kid="",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=8), JSON, max_size=4)


def sealed(content: dict[str, Any]) -> wire.Envelope:
    return wire.seal(content, HEADER, keys_of("netzwerk"), keys_of("chemnitz").public())


def take(data: bytes) -> wire.Envelope:
    """What a receiver does before opening."""
    letter = wire.parse(data)
    wire.verify_sender(letter, keys_of("netzwerk").public())
    return letter


@settings(max_examples=25, deadline=None)
@given(OBJECTS)
def test_what_was_sealed_opens_equal(content: dict[str, Any]) -> None:
    letter = take(sealed(content).to_bytes())
    assert wire.open_envelope(letter, keys_of("chemnitz")) == content


@pytest.mark.parametrize(("length", "size"), [(0, 1024), (1000, 1024), (1100, 2048), (5000, 8192)])
def test_the_size_class_is_a_power_of_two_and_says_no_more(length: int, size: int) -> None:
    letter = sealed({"x": "a" * length})
    assert letter.header.size == size
    assert len(letter.ciphertext) == size + 12 + 16


def test_a_message_above_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge, match="larger than an envelope carries"):
        sealed({"x": "a" * wire.MAX_CONTENT_BYTES})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_changed_byte_passes(data: st.DataObject) -> None:
    good = orjson.loads(sealed({"count": 7}).to_bytes())
    field = data.draw(st.sampled_from(["head", "key", "ct"]))
    text = good[field]
    place = data.draw(st.integers(0, len(text) - 2))
    good[field] = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    with pytest.raises((Unauthenticated, InvalidInput), match="refused"):
        take(orjson.dumps(good))


def test_parts_of_two_good_letters_do_not_fit_together() -> None:
    one, other = orjson.loads(sealed({"n": 1}).to_bytes()), orjson.loads(sealed({"n": 2}).to_bytes())
    for field in ("key", "ct"):
        with pytest.raises(Unauthenticated, match="does not match its header"):
            wire.parse(orjson.dumps({**one, field: other[field]}))


def test_a_weaker_suite_is_refused() -> None:
    header = replace(sealed({}).header, suite="X25519")
    head = sign(header.to_json(), keys_of("netzwerk"), "envelope")
    body = orjson.loads(sealed({}).to_bytes())
    with pytest.raises(Unauthenticated, match="suite is not one that this network allows"):
        wire.parse(orjson.dumps({**body, "head": head}))


def test_only_the_receiver_opens_and_only_the_sender_signs() -> None:
    letter = sealed({})
    with pytest.raises(Unauthenticated, match="sealed to other keys"):
        wire.open_envelope(letter, keys_of("cottbus"))
    with pytest.raises(Unauthenticated, match="sender's current keys"):
        wire.verify_sender(letter, keys_of("hub").public())
    posed = replace(keys_of("hub").public(), owner="netzwerk")
    with pytest.raises(Unauthenticated, match="sender's current keys"):
        wire.verify_sender(letter, posed)


def test_ids_sort_by_time_and_are_version_seven() -> None:
    ids = [wire.envelope_id(START * 1000 + n) for n in range(50)]
    assert ids == sorted(ids)
    assert {(one[14], one[19] in "89ab") for one in ids} == {("7", True)}


def test_keys_survive_their_file_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "member.json"
    made = keyfile.load_or_generate(path, "chemnitz")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = keyfile.load_or_generate(path, "chemnitz")
    assert again.public() == made.public()
    assert len(made.public().fingerprint().split()) == 8
    assert "BEGIN" not in repr(made)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read it"):
        keyfile.load(path)
    path.chmod(0o600)
    path.write_text("{}")
    with pytest.raises(InvalidInput, match="private keys cannot be used"):
        keyfile.load(path)
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="it is not JSON"):
        keyfile.load(path)


def test_public_keys_are_checked_when_read() -> None:
    body = keys_of("chemnitz").public().to_json()
    assert PublicKeys.from_json(body) == keys_of("chemnitz").public()
    for field in ("signing", "sealing_mlkem", "sealing_p384"):
        with pytest.raises(InvalidInput, match="public keys cannot be used"):
            PublicKeys.from_json({**body, field: base64.urlsafe_b64encode(b"short").decode()})


def request(**changes: Any) -> dict[str, Any]:
    seen = {"audience": MemberId("hub"), "method": "PUT", "path": "/hub/letters/1?a=b", "body": b"x"}
    return {**seen, **changes}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"method": "POST"}, "method"),
        ({"path": "/hub/letters/2?a=b"}, "path"),
        ({"body": b"y"}, "sha384"),
        ({"audience": MemberId("trust")}, "aud"),
    ],
)
def test_a_request_signature_holds_for_exactly_this_request(change: dict[str, Any], what: str) -> None:
    listed = verify_list(members("chemnitz"), keys_of("registry").public(), now_seconds=START)
    token = sign_request(keys_of("chemnitz"), **request(), now_seconds=START, nonce="n" * 32)
    assert verify_request(token, members=listed, **request(), now_seconds=START).member.id == "chemnitz"
    with pytest.raises(Unauthenticated, match=f"its {what} is not that of this request"):
        verify_request(token, members=listed, **request(**change), now_seconds=START)


@pytest.mark.parametrize(("seconds", "holds"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_request_signature_holds_for_three_hundred_seconds(seconds: int, holds: bool) -> None:
    listed = verify_list(members("chemnitz"), keys_of("registry").public(), now_seconds=START)
    token = sign_request(keys_of("chemnitz"), **request(), now_seconds=START, nonce="n" * 32)
    if holds:
        verify_request(token, members=listed, **request(), now_seconds=START + seconds)
        return
    with pytest.raises(Unauthenticated, match="differs by more than 300 s"):
        verify_request(token, members=listed, **request(), now_seconds=START + seconds)


def test_a_signature_for_one_use_passes_for_no_other() -> None:
    receipt = sign_receipt(Receipt("1", "h", MemberId("chemnitz"), "done", START), keys_of("chemnitz"))
    assert verify_receipt(receipt, keys_of("chemnitz").public()).state == "done"
    listed = verify_list(members("chemnitz"), keys_of("registry").public(), now_seconds=START)
    stolen = sign({"iss": "chemnitz"}, keys_of("chemnitz"), "receipt")
    with pytest.raises(Unauthenticated, match="signed for another use"):
        verify_request(stolen, members=listed, **request(), now_seconds=START)
    with pytest.raises(Unauthenticated, match="speaks for another member"):
        verify_receipt(
            sign_receipt(Receipt("1", "h", MemberId("cottbus"), "done", START), keys_of("chemnitz")),
            keys_of("chemnitz").public(),
        )


def test_a_member_list_cannot_be_forged_outlived_or_set_back() -> None:
    registry = keys_of("registry").public()
    listed = verify_list(members("chemnitz", version=3), registry, now_seconds=START)
    assert [one.id for one in listed.with_duty("site")] == ["chemnitz"]
    with pytest.raises(Unauthenticated, match="signature does not hold"):
        verify_list(sign_list(listed, keys_of("hub")), registry, now_seconds=START)
    with pytest.raises(Unauthenticated, match="has expired"):
        verify_list(members("chemnitz"), registry, now_seconds=listed.expires_at + 1)
    with pytest.raises(Unauthenticated, match="older than the list already known"):
        verify_list(members("chemnitz", version=2), registry, now_seconds=START, newer_than=listed)
    gone = replace(listed.get("chemnitz"), active=False)
    suspended = member_list("test", [gone], version=4, now_seconds=START)
    with pytest.raises(Unauthenticated, match="not an active member"):
        suspended.get("chemnitz")


def allowance(project: KeySet, **changes: Any) -> Allowance:
    told = Allowance(
        project.owner, "Lung", project.public(), frozenset({"feasibility"}), START + 100, 10, "A", START
    )
    return replace(told, **changes)


@pytest.mark.parametrize(
    ("task", "allowed", "error", "message"),
    [
        ({}, {"until": START - 1}, Forbidden, "the project's time here is over"),
        ({}, {"kinds": frozenset()}, Forbidden, "kind of work is not allowed"),
        ({"expires": START - 1}, {}, Forbidden, "it has expired"),
        ({"to": MemberId("cottbus")}, {}, Unauthenticated, "another site or envelope"),
        ({"id": "other"}, {}, Unauthenticated, "another site or envelope"),
        ({"project": "p2"}, {}, Unauthenticated, "another project"),
        ({}, {"keys": keys_of("hub").public()}, Unauthenticated, "signature does not hold"),
    ],
)
def test_a_task_runs_only_as_the_site_allowed(
    task: dict[str, Any], allowed: dict[str, Any], error: type[Exception], message: str
) -> None:
    good = Task("e1", "p1", "feasibility", MemberId("chemnitz"), START + 10, {})
    project = keys_of("p1")
    seen = {"envelope": "e1", "member": MemberId("chemnitz"), "now_seconds": START}
    assert verify_task(sign_task(good, project), allowance(project), **seen) == good  # type: ignore[arg-type]  # one dict, three types
    with pytest.raises(error, match=message):
        verify_task(sign_task(replace(good, **task), project), allowance(project, **allowed), **seen)  # type: ignore[arg-type]  # as above


def test_question_and_answer_come_back_equal_and_name_a_bad_field() -> None:
    question = FeasibilityQuestion("q", "p", {"a": [1]}, ("2.16.840",), 5)
    answer = FeasibilityAnswer("q", MemberId("chemnitz"), None, "<5", True, 3, 12, "small-cell")
    assert FeasibilityQuestion.from_json(question.to_json()) == question
    assert FeasibilityAnswer.from_json(answer.to_json()) == answer
    with pytest.raises(InvalidInput, match=r"no usable 'min_cell'.*\$\.min_cell"):
        FeasibilityQuestion.from_json({**question.to_json(), "min_cell": True})
    with pytest.raises(InvalidInput, match="no usable 'count'"):
        FeasibilityAnswer.from_json({**answer.to_json(), "count": "3"})
