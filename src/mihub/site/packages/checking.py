"""Profiles that can not be used, or that contradict their base although their publisher shipped a snapshot.

The first are looked for with every `add`; the second only when somebody asks (`mihub packages check`), because every
snapshot is generated for it. A package that is removed meanwhile has nothing more to say. Above: `shelf`. Below:
`lookup`, `snapshots`, `core.fhir.definitions.snapshot`.
"""

from __future__ import annotations

from collections.abc import Iterator

from mihub.core.fhir.definitions import snapshot
from mihub.errors import MihubError
from mihub.site.packages.account import SetAside
from mihub.site.packages.lookup import Answer, Gone, Lookup
from mihub.site.packages.manifest import CORE_NAME
from mihub.site.packages.snapshots import STUMBLES, Snapshots, Watched


def unusable(lookup: Lookup, snapshots: Snapshots, label: str) -> Iterator[SetAside]:
    """Profiles of a package that ship no snapshot and for which none can be made."""
    for answer in _structures(lookup, label):
        if answer.shelved.snapshot:
            continue
        try:
            snapshots.structure(answer)
        except Gone:
            return
        except MihubError as error:
            yield _said(answer, error)


def contradicting(lookup: Lookup, snapshots: Snapshots, label: str) -> Iterator[SetAside]:
    """Profiles of a package whose differential does not fit their base, whether or not a snapshot was shipped."""
    yield from unusable(lookup, snapshots, label)
    for answer in _structures(lookup, label):
        if not answer.shelved.snapshot:
            continue
        try:
            resource = lookup.resource(answer.shelved)
            if resource.get("differential"):
                snapshot.generate(resource, Watched(lookup, snapshots, label))
        except Gone:
            return
        except MihubError as error:
            yield _said(answer, error)
        except STUMBLES as error:
            yield SetAside(
                answer.shelved.place,
                f"Its differential can not be applied ({type(error).__name__}).",
                "StructureDefinition.differential",
                "Tell its publisher; the snapshot that was shipped is used.",
            )


def _structures(lookup: Lookup, label: str) -> Iterator[Answer]:
    """The StructureDefinitions of a package; R4's own are the program's matter."""
    if label.partition("#")[0] == CORE_NAME:
        return
    for shelved in lookup.definitions_of(label, "StructureDefinition"):
        yield Answer(shelved, "")


def _said(answer: Answer, error: MihubError) -> SetAside:
    where = f" ({error.where})" if error.where and answer.shelved.known.url not in error.where else ""
    return SetAside(
        answer.shelved.place,
        f"{error.what.rstrip('.')}{where}.",
        error.rule or "a profile only narrows its base",
        error.next_step or "Mend the profile, or ask its publisher to.",
    )
