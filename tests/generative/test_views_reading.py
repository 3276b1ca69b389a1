"""A line read in part gives what the same line gives read whole: rows, counts, and what is kept aside."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.apps.bench.views import VIEW
from mihub.core.fhir.views.definition import RowError
from mihub.site.views.formats import NDJSON
from mihub.site.views.reading import reader
from mihub.site.views.work import Chunk, Task, Worker

_TEXT = st.text(max_size=6)
_LEAF = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-9, 9) | _TEXT | st.just("http://loinc.org")
)
_ANY = st.recursive(
    _LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["coding", "system", "code", "display", "reference", "value", "extension", "_code"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    [
        "id",
        "code",
        "_code",
        "subject",
        "status",
        "_status",
        "effectiveDateTime",
        "valueQuantity",
        "note",
        "x",
        "ä",
    ]
)
_RESOURCE = st.dictionaries(_KEYS, _ANY, max_size=8).map(
    lambda members: {"resourceType": "Observation", **members}
)
_LINE = st.one_of(
    _RESOURCE.map(orjson.dumps),
    st.sampled_from([b"", b" ", b"{", b"[]", b"null", b'{"resourceType":1}', b'{"id":"a"}']),
    st.just(b'{"resourceType":"Patient","id":"p"}'),
    st.sampled_from([b'{"resourceType":"Observation","x":"\\ud800"}', b'{"resourceType":"Observation","note":1,}']),
    st.sampled_from([b'{"resourceType":"Observation","x":"\xff"}', b'{"resourceType":"Observation","id":"a","id":"b"}']),
)  # fmt: skip


def _outcome(worker: Worker, chunk: Chunk) -> Any:
    try:
        part = worker.run(chunk)
    except RowError as error:
        return str(error)
    return part.batches, part.unreadable, part.findings


@given(lines=st.lists(_LINE, max_size=5))
def test_in_part_as_whole(lines: list[bytes]) -> None:
    whole, partly = Worker(Task(VIEW, NDJSON)), Worker(Task(VIEW, NDJSON))
    assert partly._partly is not None, "the view is one that can be read in part"
    whole._partly = None
    chunk = Chunk(b"\n".join(lines), "x.ndjson")
    assert _outcome(partly, chunk) == _outcome(whole, chunk)


@pytest.mark.parametrize(
    ("line", "members"),
    [
        (b'{"resourceType":"A","id":"x","z":{"y":[1]}}', {"resourceType": "A", "id": "x"}),
        (b'{"resourceType":"A"}', {"resourceType": "A", "id": None}),
        (b'{"resourceType":"A","_code":{}}', {"resourceType": "A", "id": None, "_code": {}}),
        (b'{"id":"x"}', None),
        (b"[]", None),
        (b'{"resourceType":"A","z":tru}', None),
    ],
)
def test_only_what_is_asked_is_made(line: bytes, members: Any) -> None:
    assert reader(["resourceType", "id", "_code"])(line) == members
