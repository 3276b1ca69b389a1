"""Whatever is done to a small valid file, the import answers with an account that adds up and never with an
error.

Nor does any reason hold a value of the patient.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.policy.actor import MemberId
from mihub.site.ingest import Importer, ImportReport
from tests.ingest_memory import MemoryRecord
from tests.obds_sample import SECRETS, one_of_each

_OBDS = one_of_each().encode()
_PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "http://fhir.de/sid/gkv/kvid-10", "value": "Z987654321"}],
    "name": [{"family": "Quersumme", "given": ["Xantippe"]}],
    "birthDate": "1957-08-23",
}
_FINDING = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "subject": {"reference": "Patient/p1"},
    "note": [{"text": "Geheimbefund"}],
}
_BUNDLE = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"fullUrl": "urn:uuid:1", "resource": _PATIENT, "request": {"method": "PUT", "url": "Patient/p1"}},
        {"fullUrl": "urn:uuid:2", "resource": _FINDING, "request": {"method": "POST", "url": "Observation"}},
    ],
}
_SAMPLES = (
    _OBDS,
    orjson.dumps(_BUNDLE, option=orjson.OPT_INDENT_2),
    b"\n".join(orjson.dumps(one) for one in (_PATIENT, _FINDING, _BUNDLE)),
    gzip.compress(_OBDS, mtime=0),
)

_damage = st.one_of(
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(b"")),
    st.tuples(st.just("replace"), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
    st.tuples(
        st.just("insert"),
        st.floats(0, 1),
        st.sampled_from([b"<", b">", b"&x;", b"\0", b'"', b"{", b"]", b"\xff\xfe", b"]]>"]),
    ),
    st.tuples(st.just("remove"), st.floats(0, 1), st.binary(min_size=1, max_size=40)),
)


def _damaged(content: bytes, harms: list[tuple[str, float, bytes]]) -> bytes:
    for how, where, what in harms:
        at = int(where * len(content))
        if how == "cut":
            content = content[:at]
        elif how == "insert":
            content = content[:at] + what + content[at:]
        else:
            content = content[:at] + (what if how == "replace" else b"") + content[at + len(what) :]
    return content


def _import(path: Path, record: MemoryRecord, *, dry_run: bool = False) -> ImportReport:
    return Importer(record, MemberId("chemnitz")).run([path], dry_run=dry_run)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sample=st.sampled_from(_SAMPLES), harms=st.lists(_damage, min_size=1, max_size=3))
def test_a_damaged_file_gives_reasons_and_no_error(
    tmp_path: Path, sample: bytes, harms: list[tuple[str, float, bytes]]
) -> None:
    file = tmp_path / "in"
    file.write_bytes(_damaged(sample, harms))
    rehearsed = _import(file, MemoryRecord(), dry_run=True)
    record = MemoryRecord()
    report = _import(file, record)
    assert report.to_json() == rehearsed.to_json()
    assert report.loaded + report.rejected == report.read > 0
    assert bool(report.reasons) == bool(report.rejected)
    told = report.to_json() + repr(report.notes)
    assert not [secret for secret in SECRETS if secret in told]
    versions = record.versions
    _import(file, record)
    assert record.versions == versions, "a second import changed something"


@st.composite
def _with_other_values(draw: st.DrawFn) -> bytes:
    """The sample with some of its XML texts exchanged."""
    parts = one_of_each().split(">")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(8, len(parts) - 2))
        text, bracket, tag = parts[at].partition("<")
        if text.strip():
            other = draw(
                st.sampled_from(
                    ["", "X", "9", "0", "-1", "2025-02-30", "2025", "Ω", "x" * 300, "U", "J", " 1 ", "1e5"]
                )
            )
            parts[at] = other + bracket + tag
    return ">".join(parts).encode()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=_with_other_values())
def test_a_report_with_other_values_is_loaded_or_refused_with_its_rule(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "in.xml"
    file.write_bytes(content)
    report = _import(file, MemoryRecord())
    assert report.loaded + report.rejected == 8
    for reason in report.reasons:
        assert reason.line is not None
        assert reason.line > 1
        assert reason.rule == "oBDS 3.0 schema"
    assert not [secret for secret in SECRETS if secret in report.to_json()]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "meta",
                    "type",
                    "entry",
                    "resource",
                    "request",
                    "method",
                    "url",
                    "fullUrl",
                    "reference",
                    "contained",
                    "identifier",
                    "system",
                    "value",
                    "profile",
                    "tag",
                ]
            ),
            inner
            | st.sampled_from(
                [
                    "Patient",
                    "Bundle",
                    "Observation",
                    "transaction",
                    "batch",
                    "PUT",
                    "POST",
                    "DELETE",
                    "Patient/1",
                    "#a",
                    "urn:uuid:1",
                ]
            ),
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(_json, min_size=1, max_size=4))
def test_any_json_is_loaded_or_refused(tmp_path: Path, values: list[object]) -> None:
    file = tmp_path / "in.ndjson"
    file.write_bytes(b'{"resourceType":"Basic","id":"first"}\n' + b"\n".join(map(orjson.dumps, values)))
    report = _import(file, MemoryRecord())
    assert report.read >= len(values) + 1
    assert report.loaded >= 1


def test_the_samples_are_whole(tmp_path: Path) -> None:
    expected = {0: 8, 1: 2, 2: 4, 3: 8}
    for at, sample in enumerate(_SAMPLES):
        file = tmp_path / str(at)
        file.write_bytes(sample)
        report = _import(file, MemoryRecord())
        assert (report.loaded, report.rejected) == (expected[at], 0), pytest.fail(report.to_json())
