"""Snapshots of small profiles: what a differential may say, and what is refused with element, contradiction and rule."""

from __future__ import annotations

from typing import Any

import pytest

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.definitions.snapshot import generate
from mihub.errors import InvalidInput

SD = "http://hl7.org/fhir/StructureDefinition/"
URL = "http://example.org/StructureDefinition/p"
CODING = {"slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}}


def profile(*elements: Json, base: str = "Observation", url: str = URL, **more: Any) -> Resource:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": base.rpartition("/")[2],
        "derivation": "constraint",
        "baseDefinition": base if ":" in base else SD + base,
        "differential": {"element": list(elements)},
        **more,
    }


def element(identity: str, **said: Any) -> Json:
    path = ".".join(part.partition(":")[0] for part in identity.split("."))
    cut = identity.rpartition(".")[2].partition(":")[2]
    return {"id": identity, "path": path, **({"sliceName": cut} if cut else {}), **said}


def shot(*resources: Resource) -> dict[str, Json]:
    """The snapshot of the first one, the others known; element by id."""
    engine = MemoryDefinitions(resources, core_definitions())
    made = generate(resources[0], engine)["snapshot"]["element"]
    return {e["id"]: e for e in made}


def refusal(*resources: Resource) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        shot(*resources)
    return refused.value


def test_what_is_said_replaces_and_the_rest_stays() -> None:
    made = shot(
        profile(
            element("Observation.code", min=1, mustSupport=True, short="What"),
            element("Observation.note", max="0"),
        )
    )
    code = made["Observation.code"]
    assert (code["min"], code["max"], code["mustSupport"], code["binding"]["strength"]) == (
        1,
        "1",
        True,
        "example",
    )
    assert code["base"] == {"path": "Observation.code", "min": 1, "max": "1"}
    assert made["Observation.note"]["max"] == "0"


def test_slices_come_behind_their_element_with_the_children_of_a_backbone() -> None:
    made = shot(
        profile(
            element("Observation.component", **CODING),
            element("Observation.component:sys", min=1, max="1"),
            element("Observation.component:sys.code", patternCodeableConcept={"text": "a"}),
            element("Observation.component:dia", max="1"),
        )
    )
    ids = [i for i in made if i.startswith("Observation.component")]
    assert ids.index("Observation.component.referenceRange") < ids.index("Observation.component:sys")
    assert ids.index("Observation.component:sys.referenceRange") < ids.index("Observation.component:dia")
    assert made["Observation.component:dia"]["min"] == 0
    assert "slicing" not in made["Observation.component:sys"]
    assert "patternCodeableConcept" not in made["Observation.component:dia.code"]


def test_a_slice_is_cut_again_and_the_cut_stands_behind_it() -> None:
    made = shot(
        profile(
            element("Observation.category", **CODING),
            element("Observation.category:a", max="5"),
            element("Observation.category:b", max="1"),
            element("Observation.category:a", **CODING),
            element("Observation.category:a/one", max="1"),
        )
    )
    ids = [i.partition(":")[2] for i in made if i.startswith("Observation.category:")]
    assert ids == ["a", "a/one", "b"]
    assert made["Observation.category:a/one"]["max"] == "1"


@pytest.mark.parametrize("identity", ["Observation.valueQuantity", "Observation.value[x]:valueQuantity"])
def test_a_choice_is_meant_by_its_short_name(identity: str) -> None:
    made = shot(profile(element(identity, min=1), {**element(f"{identity}.unit"), "fixedString": "mg"}))
    assert made["Observation.value[x]"]["slicing"]["discriminator"] == [{"type": "type", "path": "$this"}]
    quantity = made["Observation.value[x]:valueQuantity"]
    assert (quantity["type"], quantity["min"], quantity["sliceName"]) == (
        [{"code": "Quantity"}],
        1,
        "valueQuantity",
    )
    assert made["Observation.value[x]:valueQuantity.unit"]["fixedString"] == "mg"


def test_elements_without_ids_are_found_by_path_and_order() -> None:
    bare = [
        {"path": "Patient"},
        {"path": "Patient.identifier", **CODING},
        {"path": "Patient.identifier", "sliceName": "a", "min": 1},
        {"path": "Patient.identifier.system", "min": 1},
        {"path": "Patient.identifier", "sliceName": "b"},
        {"path": "Patient.identifier.value", "min": 1},
        {"path": "Patient.contact.name.family", "min": 1},
    ]
    made = shot(profile(*bare, base="Patient"))
    assert made["Patient.identifier:a.system"]["min"] == 1
    assert made["Patient.identifier:b.value"]["min"] == 1
    assert "Patient.identifier:b.system" in made
    assert made["Patient.contact.name.family"]["min"] == 1


def test_extensions_are_sliced_by_url_unless_said_otherwise() -> None:
    mine = profile(
        element("Extension", max="1"),
        element("Extension.url", fixedUri="http://example.org/e"),
        element("Extension.value[x]", min=1, type=[{"code": "string"}]),
        base="Extension",
        url="http://example.org/e",
    )
    use = element("Patient.extension:e", type=[{"code": "Extension", "profile": ["http://example.org/e"]}])
    made = shot(profile(use, element("Patient.extension:e.value[x]", maxLength=9), base="Patient"), mine)
    assert made["Patient.extension:e"]["max"] == "1"
    assert made["Patient.extension:e.url"]["fixedUri"] == "http://example.org/e"
    assert made["Patient.extension:e.value[x]"]["type"] == [{"code": "string"}]
    assert made["Patient.extension:e.value[x]"]["maxLength"] == 9


def test_constraints_of_base_type_and_profile_stand_together_and_say_whence() -> None:
    rule = {"key": "my-1", "severity": "error", "human": "h", "expression": "true"}
    changed = {"key": "obs-6", "severity": "warning", "human": "softer", "expression": "true"}
    made = shot(
        profile(
            element("Observation", constraint=[rule, changed]),
            element("Observation.subject", constraint=[rule]),
        )
    )
    keys = {c["key"]: c for c in made["Observation"]["constraint"]}
    assert keys["my-1"]["source"] == URL
    assert keys["obs-6"]["severity"] == "warning"
    assert "dom-2" in keys
    assert {c["key"] for c in made["Observation.subject"]["constraint"]} == {"ele-1", "ref-1", "my-1"}


def test_content_that_repeats_another_element_can_be_walked_into() -> None:
    made = shot(profile(element("Questionnaire.item.item.linkId", maxLength=5), base="Questionnaire"))
    assert made["Questionnaire.item.item.linkId"]["maxLength"] == 5
    assert made["Questionnaire.item.item.item"]["contentReference"] == "#Questionnaire.item"


def test_what_a_choice_says_is_no_word_about_a_type_that_cannot_have_it() -> None:
    bound = {"strength": "extensible", "valueSet": "http://hl7.org/fhir/ValueSet/ucum-vitals-common"}
    below = profile(
        element("Observation.value[x]", binding=bound, maxLength=100), url="http://example.org/below"
    )
    made = shot(
        profile(
            element("Observation.value[x]:valueQuantity", type=[{"code": "Quantity"}]),
            element("Observation.value[x]:valueInteger", type=[{"code": "integer"}]),
            element("Observation.value[x]:valueString", type=[{"code": "string"}]),
            base="http://example.org/below",
            type="Observation",
        ),
        below,
    )
    assert made["Observation.value[x]:valueQuantity"]["binding"] == bound
    assert "maxLength" not in made["Observation.value[x]:valueQuantity"]
    assert not {"binding", "maxLength"} & made["Observation.value[x]:valueInteger"].keys()
    assert made["Observation.value[x]:valueString"]["maxLength"] == 100


def test_texts_that_begin_with_three_dots_are_added() -> None:
    below = profile(element("Observation.note", comment="One.", alias=["x"]), url="http://example.org/below")
    over = profile(
        element("Observation.note", comment="...Two.", alias=["y"]),
        base="http://example.org/below",
        type="Observation",
    )
    note = shot(over, below)["Observation.note"]
    assert (note["comment"], note["alias"]) == ("One.\nTwo.", ["x", "y"])


@pytest.mark.parametrize(
    ("said", "what", "rule"),
    [
        (
            element("Observation.code", min=0),
            "allows 0 where its base asks for 1",
            "does not lower the minimum",
        ),
        (
            element("Observation.code", max="*"),
            "allows * where its base allows 1",
            "does not raise the maximum",
        ),
        (
            element("Observation.note", min=3, max="2"),
            "asks for 3 and allows 2",
            "minimum is not above the maximum",
        ),
        (
            element("Observation.code", type=[{"code": "string"}]),
            "gives the type string",
            "does not add types",
        ),
        (
            element("Observation.status", binding={"strength": "preferred", "valueSet": "http://x"}),
            "binds by 'preferred' what its base binds by 'required'",
            "does not weaken a required binding",
        ),
        (element("Observation.colour", min=1), "an element its base does not have", "adds no elements"),
        (element("Observation.status.nonsense"), "an element its base does not have", "adds no elements"),
        (element("Observation.category:a", min=1), "not sliced", "slices need a slicing"),
        (
            element("Observation.code", fixedCode="a", patternCode="a"),
            "both a fixed value and a pattern",
            "one of the two",
        ),
        (element("Observation.status", isModifier=False), "modifies nothing", "does so in every profile"),
        (element("Patient.name"), "has no place", "the first element is Observation"),
    ],
)
def test_a_contradiction_is_named(said: Json, what: str, rule: str) -> None:
    refused = refusal(profile(element("Observation"), said))
    assert what in refused.what
    assert rule in refused.rule
    assert refused.next_step
    assert URL in refused.where


def test_values_and_slicings_of_the_base_hold() -> None:
    below = profile(
        element("Observation.status", fixedCode="final"),
        element("Observation.code", patternCodeableConcept={"coding": [{"system": "s", "code": "c"}]}),
        element("Observation.method", patternCodeableConcept={"text": "a"}),
        element("Observation.category", slicing={**CODING["slicing"], "rules": "closed"}),
        element("Observation.category:a"),
        url="http://example.org/below",
    )

    def over(said: Json) -> Resource:
        return profile(said, base="http://example.org/below", type="Observation")

    assert "fixedCode" in refusal(over(element("Observation.status", fixedCode="amended")), below).what
    other = element("Observation.code", fixedCodeableConcept={"coding": [{"system": "s"}]})
    assert "does not meet the base's pattern" in refusal(over(other), below).what
    method = element("Observation.method", patternCodeableConcept={"text": "b"})
    assert "does not meet the base's pattern" in refusal(over(method), below).what
    second = {"coding": [{"system": "t", "code": "d"}]}
    assert (
        shot(over(element("Observation.code", patternCodeableConcept=second)), below)["Observation.code"][
            "min"
        ]
        == 1
    )
    more = element(
        "Observation.code",
        patternCodeableConcept={"coding": [{"system": "s", "code": "c", "display": "d"}], "text": "t"},
    )
    assert shot(over(more), below)["Observation.code"]["patternCodeableConcept"]["text"] == "t"
    assert "closed" in refusal(over(element("Observation.category:b")), below).what


def test_circles_and_missing_bases_end() -> None:
    one = profile(base="http://example.org/b", url="http://example.org/a", type="Patient")
    two = profile(base="http://example.org/a", url="http://example.org/b", type="Patient")
    circle = refusal(one, two)
    assert circle.what == "The structure is built on itself"
    assert circle.where == "http://example.org/a -> http://example.org/b -> http://example.org/a"
    missing = refusal(profile(base="http://example.org/nowhere", type="Patient"))
    assert missing.what == "The base http://example.org/nowhere of the structure is not known"
    assert "Load the package" in missing.next_step
    assert "base is about Patient" in refusal(profile(element("Observation"), base=SD + "Patient")).what


def test_a_tower_of_profiles_and_a_deep_path_end() -> None:
    tower = [
        profile(base=f"http://example.org/{i + 1}", url=f"http://example.org/{i}", type="Patient")
        for i in range(300)
    ]
    assert refusal(*tower).what == "The structure is built on too many others"
    deep = "Questionnaire" + ".item" * 60
    assert refusal(profile({"path": deep, "min": 1}, base="Questionnaire")).rule == "at most 40 levels"


def test_profiles_that_walk_into_each_other_end() -> None:
    def extension(name: str, other: str) -> Resource:
        inner = element(
            "Extension.extension:x", type=[{"code": "Extension", "profile": [f"http://example.org/{other}"]}]
        )
        return profile(
            inner,
            element("Extension.extension:x.value[x]", min=0),
            base="Extension",
            url=f"http://example.org/{name}",
        )

    assert "Extension.extension:x.value[x]" in shot(extension("a", "b"), extension("b", "a"))


@pytest.mark.parametrize(
    "bad",
    [
        {"min": "1"}, {"min": True}, {"max": 1}, {"max": "many"}, {"type": "Quantity"}, {"type": [{"code": 3}]},
        {"type": [{"code": "Reference", "targetProfile": "x"}]}, {"constraint": [{"severity": "error"}]}, {"binding": []},
        {"slicing": {"rules": 4}}, {"alias": "x"}, {"mustSupport": "yes"}, {"contentReference": 1}, {"sliceName": 3},
    ],
)  # fmt: skip
def test_a_member_of_another_shape_is_refused(bad: Json) -> None:
    refused = refusal(profile({"id": "Observation.note", "path": "Observation.note", **bad}))
    assert " is not " in refused.what
    assert "Observation.note" in refused.where


def test_thousands_of_slices_come_to_an_end() -> None:
    said = [element("Patient.contact", **CODING)]
    said += [element(f"Patient.contact:s{i}", max="1") for i in range(1500)]
    said += [element(f"Patient.name:n{i}/x", max="1") for i in range(10)]
    made = shot(profile(element("Patient.name", **CODING), *said, base="Patient"))
    assert "Patient.contact:s1499.period" in made


def test_what_multiplies_is_bounded() -> None:
    """Twenty extensions in each of forty extensions, and that cut ninety-nine times."""
    nested = [
        element(f"Patient.extension:a.extension:b{i}.extension:c{j}", max="1")
        for i in range(40)
        for j in range(20)
    ]
    below = profile(element("Patient.extension:a"), *nested, base="Patient", url="http://example.org/below")
    again = [element(f"Patient.extension:a/d{i}.id", max="0") for i in range(99)]
    refused = refusal(profile(*again, base="http://example.org/below", type="Patient"), below)
    assert refused.what == "The structure has too many elements"
