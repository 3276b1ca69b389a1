"""The rules of the region as data: who may read and write what, where, why, and by which source.

Who may see a whole organisation's record and who only the patient they care for is decided here and nowhere
else. Never add a rule without text and source; a test holds every rule to both. Below: `rules`. Above:
`site.access`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.core.policy.actor import Purpose, Role
from mihub.core.policy.rules import Action, Reach, Rule

# Who works where, definitions and vocabularies: nothing of a patient.
DIRECTORY: Final = frozenset(
    {
        "ActivityDefinition", "CapabilityStatement", "CodeSystem", "ConceptMap", "Endpoint",
        "HealthcareService", "Library", "Location", "Measure", "Medication", "NamingSystem",
        "OperationDefinition", "Organization", "OrganizationAffiliation", "PlanDefinition", "Practitioner",
        "PractitionerRole", "Questionnaire", "ResearchStudy", "SearchParameter", "StructureDefinition",
        "Substance", "ValueSet",
    }
)  # fmt: skip
AUDIT: Final = frozenset({"AuditEvent"})
RECORD: Final = RESOURCE_TYPES - DIRECTORY - AUDIT
WRITTEN_BY_PATIENTS: Final = frozenset({"Appointment", "Communication", "Consent", "QuestionnaireResponse"})

CARE_TEAM: Final = frozenset(
    {Role.GP, Role.ONCOLOGIST, Role.RADIOLOGIST, Role.NURSE, Role.BOARD_COORDINATOR, Role.PALLIATIVE_TEAM}
)
_CARE: Final = frozenset({Purpose.TREATMENT, Purpose.CARE_MANAGEMENT})
_READ: Final = frozenset({Action.READ, Action.COUNT})
_READ_WRITE: Final = frozenset({Action.READ, Action.COUNT, Action.WRITE})
_SECRECY: Final = "§ 203 StGB; Art. 9 (2) h GDPR"

RULES: Final = (
    Rule(
        id="patient-reads-own-record",
        text="A patient reads everything that a record holds about them, and who has seen it.",
        source="Art. 15 GDPR; § 630g BGB",
        roles=frozenset({Role.PATIENT}),
        purposes=frozenset({Purpose.PATIENT_REQUEST}),
        actions=_READ,
        types=RECORD | AUDIT,
        reach=Reach.PATIENT,
    ),
    Rule(
        id="patient-writes-own-words",
        text="A patient answers questionnaires, writes messages, decides on consent, asks for appointments.",
        source="MiHUB decision: what a patient says about themselves is theirs to write",
        roles=frozenset({Role.PATIENT}),
        purposes=frozenset({Purpose.PATIENT_REQUEST}),
        actions=frozenset({Action.WRITE}),
        types=WRITTEN_BY_PATIENTS,
        reach=Reach.PATIENT,
    ),
    Rule(
        id="patient-reads-directory",
        text="A patient reads who works where, and the definitions their journey refers to.",
        source="Nothing of another person is in it",
        roles=frozenset({Role.PATIENT}),
        purposes=frozenset({Purpose.PATIENT_REQUEST}),
        actions=_READ,
        types=DIRECTORY,
        reach=Reach.ALL,
    ),
    Rule(
        id="team-reads-and-writes-at-home",
        text="Those who treat at an organisation read and write its own record.",
        source=f"{_SECRECY}; § 630f BGB",
        roles=CARE_TEAM,
        purposes=_CARE,
        actions=_READ_WRITE,
        types=RECORD | DIRECTORY,
        reach=Reach.ALL,
        organization="own",
    ),
    Rule(
        id="team-reads-through-with-relation",
        text="Those who treat elsewhere read the record of the one patient whom a care relation names.",
        source=f"{_SECRECY}; § 9 (4) MBO-Ä (joint treatment)",
        roles=CARE_TEAM,
        purposes=frozenset({Purpose.TREATMENT}),
        actions=_READ,
        types=RECORD,
        reach=Reach.PATIENT,
        organization="other",
        needs_relation=True,
    ),
    Rule(
        id="team-reads-directory",
        text="Those who treat read who works where, at every organisation.",
        source="Nothing of a patient is in it",
        roles=CARE_TEAM,
        purposes=_CARE,
        actions=_READ,
        types=DIRECTORY,
        reach=Reach.ALL,
    ),
    Rule(
        id="team-shares-care-record",
        text="Those who treat in the region read and write the shared care record.",
        source=f"{_SECRECY}; the region's agreement on the care record",
        roles=CARE_TEAM,
        purposes=_CARE,
        actions=_READ_WRITE,
        types=RECORD | DIRECTORY,
        reach=Reach.ALL,
        kinds=frozenset({"care-record"}),
    ),
    Rule(
        id="engineer-counts",
        text="A site's engineer sees numbers and the directory of their own site, no record of a patient.",
        source="Art. 5 (1) c GDPR",
        roles=frozenset({Role.SITE_ENGINEER}),
        purposes=frozenset({Purpose.OPERATIONS, Purpose.RECORD_MANAGEMENT}),
        actions=frozenset({Action.COUNT}),
        types=RECORD | DIRECTORY,
        reach=Reach.ALL,
        organization="own",
    ),
    Rule(
        id="engineer-reads-directory",
        text="A site's engineer reads the directory of their own site.",
        source="Nothing of a patient is in it",
        roles=frozenset({Role.SITE_ENGINEER}),
        purposes=frozenset({Purpose.OPERATIONS, Purpose.RECORD_MANAGEMENT}),
        actions=_READ,
        types=DIRECTORY,
        reach=Reach.ALL,
        organization="own",
    ),
    Rule(
        id="officer-reads-audit",
        text="The data protection officer reads who did what in their own organisation's record.",
        source="Art. 39 (1) b GDPR",
        roles=frozenset({Role.DATA_PROTECTION_OFFICER}),
        purposes=frozenset({Purpose.OPERATIONS}),
        actions=_READ,
        types=AUDIT,
        reach=Reach.ALL,
        organization="own",
    ),
    Rule(
        id="system-manages-own-record",
        text="An organisation's own programs keep its record.",
        source="Art. 28 and 32 GDPR",
        roles=frozenset({Role.SYSTEM}),
        purposes=frozenset(Purpose) - {Purpose.RESEARCH},
        actions=frozenset(Action),
        types=RESOURCE_TYPES,
        reach=Reach.ALL,
        organization="own",
    ),
    Rule(
        id="nobody-writes-audit",
        text="What happened is written by the store itself and never through a request.",
        source="IHE ATNA; Art. 5 (2) GDPR",
        roles=frozenset(Role),
        purposes=frozenset(Purpose),
        actions=frozenset({Action.WRITE, Action.DELETE}),
        types=AUDIT,
        reach=Reach.ALL,
        effect="deny",
    ),
)  # fmt: skip
