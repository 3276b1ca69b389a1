"""From a profile's differential and its base to its snapshot: every element with everything that holds for it."""

from mihub.core.fhir.definitions.snapshot.generate import generate

__all__ = ["generate"]
