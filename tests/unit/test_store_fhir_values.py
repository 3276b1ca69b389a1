"""Dates, paths, references and index rows: the small languages under store and search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.core.fhir.dates import period, span, zone
from mihub.core.fhir.reference import holders, literal
from mihub.errors import ConfigurationError, InvalidInput
from mihub.site.search.catalogue import catalogue
from mihub.site.search.extract import indexer
from mihub.site.search.folding import folded

ZONE = zone("Europe/Berlin")
INDEX = indexer(catalogue(), ZONE)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", "2023-12-31T23:00:00", "2024-12-31T23:00:00"),
        ("2024-02", "2024-01-31T23:00:00", "2024-02-29T23:00:00"),
        ("2024-03-31", "2024-03-30T23:00:00", "2024-03-31T22:00:00"),
        ("2024-10-27", "2024-10-26T22:00:00", "2024-10-27T23:00:00"),
        ("2024-05-01T10:00:00+02:00", "2024-05-01T08:00:00", "2024-05-01T08:00:01"),
        ("2024-05-01T10:00:00.5Z", "2024-05-01T10:00:00.5", "2024-05-01T10:00:00.6"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59", "2017-01-01T00:00:00"),
        ("9999-12-31", "9999-12-30T00:00:00", "9999-12-30T00:00:00"),
    ],
)
def test_a_partial_date_is_the_time_it_covers(text: str, low: str, high: str) -> None:
    expected = tuple(datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (low, high))
    assert span(text, ZONE) == expected


@pytest.mark.parametrize(
    "text", ["", "24", "2024-13", "2024-02-30", "20240101", "2024-01-01T25:00:00Z", "1.5.2024"]
)
def test_what_is_no_date_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidInput, match="A date is not written as FHIR writes dates") as refused:
        span(text, ZONE)
    assert not text or text not in str(refused.value)


@given(st.dates(min_value=datetime(1900, 1, 1).date(), max_value=datetime(2200, 12, 31).date()))
def test_a_day_lies_in_its_month_and_its_month_in_its_year(day: object) -> None:
    text = str(day)
    (a, b), (c, d), (e, f) = (span(part, ZONE) for part in (text[:4], text[:7], text))
    assert a <= c <= e < f <= d <= b
    assert timedelta(hours=23) <= f - e <= timedelta(hours=25)
    assert period(text, None, ZONE)[0] == e


def test_an_unknown_zone_is_a_setting_to_correct() -> None:
    with pytest.raises(ConfigurationError, match="does not know the time zone Mars/Olympus"):
        zone("Mars/Olympus")


json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["name", "given", "family", "code", "coding", "system", "value", "reference", "identifier", "subject", "telecom",
         "valueQuantity", "url", "meta", "profile", "tag"]), inner),
    max_leaves=20,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["name", "code", "subject", "telecom", "meta", "identifier", "valueQuantity"]), json
    )
)
def test_data_of_any_shape_is_indexed_or_ignored(content: dict[str, object]) -> None:
    for resource_type in ("Patient", "Observation"):
        rows = INDEX({"resourceType": resource_type, "id": "1", **content})
        assert all(len(text) <= 250 for row in rows.tokens for text in row[1:])


def test_references_and_where_they_stand() -> None:
    assert literal("https://x/fhir/Patient/1/_history/2") is not None
    found = literal("Patient/1/_history/2")
    assert found is not None
    assert (found.relative, found.version) == ("Patient/1", "2")
    for other in ("urn:uuid:1", "#a", "Patient?x=1", "Nonsense/1", "Patient/", "patient/1"):
        assert literal(other) is None
    resource = {"subject": {"reference": "Patient/1"}, "a": [{"b": {"reference": "#x"}}, {"reference": 3}]}
    assert [path for path, _ in holders(resource)] == ["subject", "a[0].b"]


def test_a_compartment_names_every_patient_once() -> None:
    task = {
        "resourceType": "Task",
        "id": "1",
        "for": {"reference": "Patient/a"},
        "owner": {"reference": "Patient/b"},
    }
    assert INDEX(task).patients == ("a", "b")
    assert INDEX({"resourceType": "Patient", "id": "p"}).patients == ("p",)
    group = {"resourceType": "Group", "id": "g", "member": [{"entity": {"reference": "Patient/a"}}]}
    assert INDEX(group).patients == ()


def test_parameters_have_numbers_of_their_own() -> None:
    seen: dict[int, tuple[str, str, str]] = {}
    for resource_type, parameters in catalogue().parameters.items():
        for parameter in parameters.values():
            if len(parameter.indexes) == 1:
                rows = (resource_type, parameter.kind, parameter.path)
                assert seen.setdefault(parameter.index, rows) == rows
            assert parameter.identifier_index not in seen
        assert len(catalogue().compartment_of(resource_type)) == len(
            set(catalogue().compartment.get(resource_type, ()))
        )


def test_texts_are_compared_without_case_accents_and_spaces() -> None:
    assert folded("  Müller-LÜDENSCHEIDT  ") == "muller-ludenscheidt"
    assert folded("Straße") == folded("STRASSE")
    assert folded("a\n b") == "a b"
