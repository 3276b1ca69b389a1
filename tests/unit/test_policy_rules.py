"""The rules of the region: each has text and source, nobody is allowed by accident, a denial beats every permission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.core.policy.catalogue import AUDIT, CARE_TEAM, DIRECTORY, RECORD, RULES, WRITTEN_BY_PATIENTS
from mihub.core.policy.rules import Action, Place, decide

HOSPITAL = Place(MemberId("chemnitz"), "hospital")
RECORD_OF_ALL = Place(MemberId("netzwerk"), "care-record")

accesses = st.builds(
    lambda role, organization, purpose, subject, relation: Access(
        Actor("a", "A", role, MemberId(organization)), purpose, subject and TransportId(subject), relation
    ),
    st.sampled_from(Role), st.sampled_from(["chemnitz", "dresden", "netzwerk"]), st.sampled_from(Purpose),
    st.none() | st.just("f1"), st.sampled_from(["", "CareTeam/1"]),
)  # fmt: skip
places = st.sampled_from([HOSPITAL, RECORD_OF_ALL])


def _access(
    role: Role, purpose: Purpose, organization: str = "chemnitz", subject: str = "", relation: str = ""
) -> Access:
    who = Actor("a", "A", role, MemberId(organization))
    return Access(who, purpose, TransportId(subject) if subject else None, relation)


def test_every_rule_says_what_and_why() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.text.endswith("."), rule.id
        assert rule.source, rule.id
        assert rule.types <= RESOURCE_TYPES, rule.id
    assert RECORD | DIRECTORY | AUDIT == RESOURCE_TYPES
    assert not DIRECTORY & RECORD


@pytest.mark.parametrize(
    ("access", "place", "action", "everything", "of_patient"),
    [
        (_access(Role.PATIENT, Purpose.PATIENT_REQUEST, "netzwerk", "f1"), HOSPITAL, Action.READ, DIRECTORY, RECORD | AUDIT),
        (_access(Role.PATIENT, Purpose.PATIENT_REQUEST, "netzwerk", "f1"), HOSPITAL, Action.WRITE, set(), WRITTEN_BY_PATIENTS),
        (_access(Role.PATIENT, Purpose.PATIENT_REQUEST, "netzwerk"), HOSPITAL, Action.WRITE, set(), set()),
        (_access(Role.PATIENT, Purpose.TREATMENT, "netzwerk", "f1"), HOSPITAL, Action.READ, set(), set()),
        (_access(Role.NURSE, Purpose.TREATMENT), HOSPITAL, Action.WRITE, RECORD | DIRECTORY, set()),
        (_access(Role.NURSE, Purpose.TREATMENT), HOSPITAL, Action.DELETE, set(), set()),
        (_access(Role.NURSE, Purpose.RESEARCH), HOSPITAL, Action.READ, set(), set()),
        (_access(Role.GP, Purpose.TREATMENT, "praxis-a", "f1", "CareTeam/1"), HOSPITAL, Action.READ, DIRECTORY, RECORD),
        (_access(Role.GP, Purpose.TREATMENT, "praxis-a", "f1", "CareTeam/1"), HOSPITAL, Action.WRITE, set(), set()),
        (_access(Role.GP, Purpose.TREATMENT, "praxis-a", "f1"), HOSPITAL, Action.READ, DIRECTORY, set()),
        (_access(Role.GP, Purpose.TREATMENT, "praxis-a"), RECORD_OF_ALL, Action.WRITE, RECORD | DIRECTORY, set()),
        (_access(Role.SITE_ENGINEER, Purpose.OPERATIONS), HOSPITAL, Action.READ, DIRECTORY, set()),
        (_access(Role.SITE_ENGINEER, Purpose.OPERATIONS), HOSPITAL, Action.COUNT, RECORD | DIRECTORY, set()),
        (_access(Role.SITE_ENGINEER, Purpose.OPERATIONS, "dresden"), HOSPITAL, Action.COUNT, set(), set()),
        (_access(Role.DATA_PROTECTION_OFFICER, Purpose.OPERATIONS), HOSPITAL, Action.READ, AUDIT, set()),
        (_access(Role.SYSTEM, Purpose.RECORD_MANAGEMENT), HOSPITAL, Action.DELETE, RECORD | DIRECTORY, set()),
        (_access(Role.SYSTEM, Purpose.RECORD_MANAGEMENT, "dresden"), HOSPITAL, Action.READ, set(), set()),
    ],
)  # fmt: skip
def test_who_may_what(
    access: Access, place: Place, action: Action, everything: set[str], of_patient: set[str]
) -> None:
    decision = decide(RULES, access, place, action)
    assert decision.open_types == everything
    assert decision.patient_types == of_patient


@given(accesses, places, st.sampled_from(Action))
def test_closed_to_research_and_hub_at_a_record(access: Access, place: Place, action: Action) -> None:
    for role in (Role.RESEARCHER, Role.HUB_OPERATOR):
        decision = decide(RULES, replace(access, actor=replace(access.actor, role=role)), place, action)
        assert not decision.open_types | decision.patient_types
    assert not decide(RULES, replace(access, purpose=Purpose.RESEARCH), place, action).open_types


@given(
    accesses,
    places,
    st.sampled_from(Action),
    st.frozensets(st.sampled_from(sorted(RESOURCE_TYPES)), max_size=5),
)
def test_a_denial_only_takes_away(
    access: Access, place: Place, action: Action, types: frozenset[str]
) -> None:
    denial = replace(
        RULES[-1], id="deny", types=types, actions=frozenset(Action), roles=frozenset(Role), effect="deny"
    )
    before, after = (decide(rules, access, place, action) for rules in (RULES, (denial, *RULES)))
    assert after.open_types == before.open_types - types
    assert after.patient_types == before.patient_types - types


@given(
    accesses,
    places,
    st.sampled_from(Action),
    st.lists(st.sampled_from(["p1", "p2"])),
    st.sampled_from(sorted(RESOURCE_TYPES)),
    st.booleans(),
)
def test_the_restriction_says_what_the_decision_says(
    access: Access, place: Place, action: Action, patients: list[str], resource_type: str, withheld: bool
) -> None:
    decision = decide(RULES, access, place, action)
    seen = not withheld or access.actor.role is not Role.PATIENT
    of_type = resource_type in decision.open_types
    expected = seen and (of_type or (resource_type in decision.patient_types and "p1" in patients))
    assert decision.restriction("p1").allows(resource_type, patients, withheld=withheld) == expected
    assert decision.restriction(None).allows(resource_type, patients, withheld=withheld) == (seen and of_type)


def test_the_page_about_roles_names_every_rule() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "roles.md").read_text(
        encoding="utf-8"
    )
    for rule in RULES:
        assert f"| `{rule.id}` | {rule.text} | {rule.source} |" in page, (
            f"docs/reference/roles.md lacks {rule.id} as it is"
        )
    assert page.count("\n| `") == len(RULES), "docs/reference/roles.md names a rule that is gone"


def test_patients_never_share_a_compartment_rule() -> None:
    for role in CARE_TEAM:
        access = _access(role, Purpose.TREATMENT, "dresden", "f1", "CareTeam/1")
        assert not decide(RULES, access, HOSPITAL, Action.READ).open_types & RECORD
