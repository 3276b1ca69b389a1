"""One validation under way: what was found so far, where we are, and what the resource around us is.

Lives for one call and one thread. Checks get it as their last argument. A place is a chain of (parent, name, index),
written out only when something is found there. Above: every check. Below: nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mihub.core.fhir import Resource
from mihub.site.validate.finding import Finding, Severity
from mihub.site.validate.rules import RULES

if TYPE_CHECKING:
    from mihub.core.fhir.fhirpath import Hooks
    from mihub.site.validate.container import Container
    from mihub.site.validate.engine import Engine

# (parent, name, index); index -1: not a repeating element. The root has no parent.
Where = tuple[Any, str, int]

# In place of an index: here begins a resource of its own.
RESOURCE: Final = -2
MAX_FINDINGS: Final = 10_000


class Run:
    """`resource` is FHIRPath's %resource, `root` its %rootResource."""

    __slots__ = (
        "container",
        "engine",
        "hooks",
        "ids",
        "profile",
        "resource",
        "root",
        "said",
        "spent",
        "spent_before",
        "trying",
    )

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine
        self.said: list[Finding] = []
        self.resource: Resource = {}
        self.root: Resource = {}
        # The Bundle around, where there is one: what references may be resolved in.
        self.container: Container | None = None
        # Seconds that expressions took on the present resource, and on those before it.
        self.spent = 0
        self.spent_before = 0
        # Ids of elements of the present resource.
        self.ids: set[str] = set()
        # What FHIRPath may ask; made when the first expression runs.
        self.hooks: Hooks | None = None
        # The profile whose rules speak now; "" for R4 itself.
        self.profile = ""
        # Resources being tried against profiles, to end circles: (id of the object, profile).
        self.trying: set[tuple[int, str]] = set()

    def add(
        self, rule: str, where: Where, severity: Severity = "error", profile: str = "", /, **facts: str
    ) -> None:
        """Note a finding. `rule` is a word of `RULES`, perhaps with `:key` behind it."""
        if len(self.said) < MAX_FINDINGS:
            code = RULES[rule.partition(":")[0]]
            self.said.append(Finding(severity, code, location(where), rule, profile or self.profile, facts))

    def branch(self) -> Run:
        """A run with the same surroundings and nothing said: to try something."""
        other = Run(self.engine)
        other.resource, other.root, other.container = self.resource, self.root, self.container
        other.spent, other.spent_before, other.trying = self.spent, self.spent_before, self.trying
        return other

    def errors(self) -> int:
        """How many errors were found so far."""
        return sum(1 for finding in self.said if finding.severity in ("error", "fatal"))


def location(where: Where) -> str:
    """The place as FHIRPath from the root: `Patient.name[0].given[1]`."""
    parts: list[str] = []
    step: Where | None = where
    while step is not None:
        parent, name, index = step
        parts.append(name if index < 0 else f"{name}[{index}]")
        step = parent
    return ".".join(reversed(parts))
