"""Laws of the snapshot generator: what a profile says is in its snapshot, once is enough, damage is refused in words."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.definitions.snapshot import generate
from mihub.errors import InvalidInput

SD = "http://hl7.org/fhir/StructureDefinition/"
URL = "http://example.org/StructureDefinition/random"
TYPES = (
    "Patient",
    "Observation",
    "Condition",
    "Encounter",
    "Questionnaire",
    "Bundle",
    "Consent",
    "MedicationRequest",
)


def profile(name: str, elements: list[Json], url: str = URL, base: str = "") -> Resource:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": name,
        "derivation": "constraint",
        "baseDefinition": base or SD + name,
        "differential": {"element": elements},
    }


def snapshot(name: str) -> list[Json]:
    found = core_definitions().structure(SD + name)
    assert found is not None
    elements: list[Json] = found.resource["snapshot"]["element"]
    return elements


@st.composite
def constrained(draw: st.DrawFn) -> tuple[str, list[Json]]:
    """A type and constraints on some of its elements that its base permits."""
    name = draw(st.sampled_from(TYPES))
    chosen = draw(
        st.lists(
            st.sampled_from(snapshot(name)[1:]), min_size=1, max_size=6, unique_by=lambda e: str(e["id"])
        )
    )
    said: list[Json] = []
    for base in chosen:
        one: Json = {"id": base["id"], "path": base["path"]}
        if draw(st.booleans()):
            most = 3 if base["max"] == "*" else int(base["max"])
            one["min"] = draw(st.integers(base["min"], most))
            one["max"] = str(draw(st.integers(max(one["min"], 0), most)))
        if draw(st.booleans()):
            one["mustSupport"] = True
        if draw(st.booleans()):
            one["constraint"] = [{"key": "rnd-1", "severity": "warning", "human": "h", "expression": "true"}]
        if len(base.get("type", ())) > 1 and draw(st.booleans()):
            one["type"] = draw(st.lists(st.sampled_from(base["type"]), min_size=1, unique_by=str))
        said.append(one)
    return name, said


@settings(max_examples=80, deadline=None)
@given(constrained())
def test_what_a_profile_says_is_in_its_snapshot_and_the_rest_is_its_base(
    case: tuple[str, list[Json]],
) -> None:
    name, said = case
    made = generate(profile(name, said), core_definitions())["snapshot"]["element"]
    before = {e["id"]: e for e in snapshot(name)}
    by_said = {e["id"]: e for e in said}
    assert [e["id"] for e in made] == list(before)
    for element in made:
        mine = by_said.get(element["id"], {})
        assert element["base"] == before[element["id"]]["base"]
        if not mine:
            assert element == before[element["id"]]
        for key, value in mine.items():
            if key == "constraint":
                assert {"rnd-1"} <= {c["key"] for c in element["constraint"] if c.get("source")}
            else:
                assert element[key] == value


@settings(max_examples=40, deadline=None)
@given(constrained())
def test_saying_it_again_changes_nothing(case: tuple[str, list[Json]]) -> None:
    """Order does not matter, a second generation neither, and a profile on the profile that says nothing is the same."""
    name, said = case
    once = generate(profile(name, said), core_definitions())
    assert generate(once, core_definitions()) == once
    assert generate(profile(name, said[::-1]), core_definitions())["snapshot"] == once["snapshot"]
    assert generate(profile(name, [*said, *said]), core_definitions())["snapshot"] == once["snapshot"]
    engine = MemoryDefinitions([profile(name, said)], core_definitions())
    over = generate(profile(name, [], "http://example.org/over", URL), engine)
    assert over["snapshot"] == once["snapshot"]
    # The whole snapshot said as a differential is a differential, too.
    whole = generate(profile(name, once["snapshot"]["element"]), core_definitions())
    assert whole["snapshot"] == once["snapshot"]


@settings(max_examples=40, deadline=None)
@given(constrained(), st.data())
def test_slices_leave_what_they_are_cut_from_as_it_was(
    case: tuple[str, list[Json]], data: st.DataObject
) -> None:
    name, _ = case
    many = [
        e
        for e in snapshot(name)[1:]
        if e["max"] == "*" and not e["path"].endswith("xtension") and e["path"].count(".") == 1
    ]
    base = data.draw(st.sampled_from(many))
    cuts = data.draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, unique=True))
    path = base["path"]
    said: list[Json] = [{"id": path, "path": path, "slicing": {"rules": "open"}}]
    said += [{"id": f"{path}:{cut}", "path": path, "sliceName": cut, "max": "1"} for cut in cuts]
    made = generate(profile(name, said), core_definitions())["snapshot"]["element"]
    kept = [e for e in made if f"{path}:" not in e["id"]]
    assert [e for e in kept if e["id"] != path] == [e for e in snapshot(name) if e["id"] != path]
    assert [e["sliceName"] for e in made if e["id"].startswith(f"{path}:") and e["path"] == path] == cuts


_JUNK: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "*", "x", "Patient.name", "Extension", "a.b:c"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["code", "path", "key", "rules"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_MEMBERS = (
    "id",
    "path",
    "min",
    "max",
    "type",
    "binding",
    "constraint",
    "slicing",
    "sliceName",
    "contentReference",
    "alias",
    "base",
)


@settings(max_examples=200, deadline=None)
@given(constrained(), st.sampled_from(_MEMBERS), _JUNK, st.data())
def test_damage_is_refused_in_words_or_does_no_harm(
    case: tuple[str, list[Json]], key: str, junk: object, data: st.DataObject
) -> None:
    name, said = case
    victim = data.draw(st.integers(0, len(said) - 1))
    damaged = [dict(one) for one in said]
    damaged[victim][key] = junk
    refused, made = outcome(profile(name, damaged))
    if refused is None:
        assert len(made["snapshot"]["element"]) >= len(snapshot(name))
    else:
        assert all([refused.what, refused.rule, refused.next_step])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["url", "type", "derivation", "baseDefinition", "differential", "kind"]), _JUNK)
def test_damage_to_the_structure_itself_is_refused_in_words(key: str, junk: object) -> None:
    refused, made = outcome(
        {**profile("Patient", [{"id": "Patient.name", "path": "Patient.name", "min": 1}]), key: junk}
    )
    if refused is None:
        assert made["snapshot"]["element"]
    else:
        assert all([refused.what, refused.rule, refused.next_step])


def outcome(structure: Resource) -> tuple[InvalidInput | None, Resource]:
    """The refusal, or what was made."""
    try:
        return None, generate(structure, core_definitions())
    except InvalidInput as refused:
        return refused, {}
