"""The setting `validation`, and where a finding's place lies in a text."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.errors import ConfigurationError
from mihub.site.quarantine.levels import LEVELS, levels_of
from mihub.site.quarantine.places import MOST_LINES, is_whole, lines, path_of
from mihub.site.quarantine.told import language_of, placed


def test_a_level_for_everything_and_exceptions() -> None:
    levels = levels_of("warn, Patient=reject, Observation = off")
    assert [levels.of(name) for name in ("Patient", "Observation", "Encounter")] == ["reject", "off", "warn"]
    assert levels_of("Patient=reject").default == "warn"
    assert levels_of("off").all_off
    assert not levels_of("off, Patient=warn").all_off


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("strict", "'strict', which is no level"),
        ("", "'', which is no level"),
        ("warn, reject", "two levels for everything, the second is 'reject'"),
        ("warn, Patent=reject", "'Patent', which is no resource type"),
        ("warn, Patient=no", "'no', which is no level"),
        ("warn, Patient=off, Patient=warn", "Patient twice"),
        ("warn,", "the second is ''"),
    ],
)
def test_a_wrong_setting_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        levels_of(text)
    assert words in raised.value.what
    assert 'For example: validation = "warn, Patient=reject"' in raised.value.next_step


@given(
    st.sampled_from(LEVELS),
    st.dictionaries(
        st.sampled_from(["Patient", "Observation", "Bundle", "Consent"]), st.sampled_from(LEVELS)
    ),
)
def test_what_is_written_is_read(default: str, by_type: dict[str, str]) -> None:
    text = ", ".join([default, *(f"{name}={level}" for name, level in by_type.items())])
    levels = levels_of(text)
    assert (levels.default, dict(levels.by_type)) == (default, by_type)


RESOURCE = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "a"}, {"system": "b", "code": "x"}]},
    "valueQuantity": {"value": 3},
    "_effectiveDateTime": {"extension": [{"url": "http://why", "valueCode": "unknown"}]},
    "extension": [{"url": "http://one"}, {"url": "http://two", "valueString": "t"}],
    "contained": [{"resourceType": "Patient", "name": [{"family": "F"}]}],
}


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("Observation", ()),
        ("Observation.status", ("status",)),
        ("Observation.code.coding[1].code", ("code", "coding", 1, "code")),
        ("Observation.code.coding.system", ("code", "coding", 0, "system")),
        ("Observation.code.coding[7].code", ("code", "coding")),
        ("Observation.code.coding[0].code", ("code", "coding", 0)),
        ("Observation.value.ofType(Quantity).value", ("valueQuantity", "value")),
        ("Observation.value.value", ("valueQuantity", "value")),
        ("Observation.effective", ("_effectiveDateTime",)),
        ("Observation.extension('http://two').value", ("extension", 1, "valueString")),
        ("Observation.contained[0].name[0].family", ("contained", 0, "name", 0, "family")),
        ("Observation.contained[0]/*Patient/null*/.name[0].family", ("contained", 0, "name", 0, "family")),
        ("Observation.code.coding:icd10[1].code", ("code", "coding", 1, "code")),
        ("Observation.performer", ()),
    ],
)
def test_a_place_is_found_in_the_text(location: str, path: tuple[object, ...]) -> None:
    assert path_of(RESOURCE, location) == path


def test_marked_lines_are_the_text_itself() -> None:
    shown = lines(
        orjson.dumps(RESOURCE), ["Observation.status", "Observation.value.value", "Observation.status"]
    )
    assert orjson.loads("".join(line.text for line in shown)) == RESOURCE
    assert [(line.text, line.findings) for line in shown if line.findings] == [
        ('"status": "final",', (0, 2)),
        ('"value": 3', (1,)),
    ]
    assert is_whole(shown)


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = lines(orjson.dumps({"resourceType": "Binary", "data": "A" * 9000}), ["Binary.data"])
    assert not is_whole(shown)
    assert max(len(line.text) for line in shown) < 700
    many = {"resourceType": "List", "entry": [{"n": n} for n in range(MOST_LINES)], "status": "x"}
    shown = lines(orjson.dumps(many), ["List.status"])
    assert not is_whole(shown)
    assert shown[-1].text == '"status": "x"'


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    st.text(alphabet="abOf.[]()'12:", max_size=12),
)
def test_any_json_and_any_place(value: object, location: str) -> None:
    body = orjson.dumps({"a": value, "b": [value]})
    shown = lines(body, [f"X.{location}"])
    assert orjson.loads("".join(line.text for line in shown)) == orjson.loads(body)


@pytest.mark.parametrize(
    ("accept", "language"),
    [("", "en"), ("de", "de"), ("de-DE,de;q=0.9,en;q=0.8", "de"), ("en-US,de;q=0.5", "en"), ("fr", "en"),
     ("de;q=0, en;q=0.1", "en"), ("*", "en"), ("de;q=x", "en")],
)  # fmt: skip
def test_the_language_asked_for(accept: str, language: str) -> None:
    assert language_of(accept) == language


def test_a_place_in_a_bundle() -> None:
    assert placed("Patient.name[0]", "Bundle.entry[2].resource") == "Bundle.entry[2].resource.name[0]"
    assert placed("Patient", "Bundle.entry[2].resource") == "Bundle.entry[2].resource"
    assert placed("Patient.name", "") == "Patient.name"
