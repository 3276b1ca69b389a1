"""Where a person stands on a pathway: phases and steps as data, their states computed from facts, never
stored.
"""

from mihub.core.journey.pathway import Pathway, Phase, Step, parse_pathway
from mihub.core.journey.state import Fact, Journey, PhaseState, StepState, StepStatus, compute

__all__ = [
    "Fact",
    "Journey",
    "Pathway",
    "Phase",
    "PhaseState",
    "Step",
    "StepState",
    "StepStatus",
    "compute",
    "parse_pathway",
]
