"""From a profile's differential and its base to its snapshot: every element with everything that holds for it.

`tree` reads and writes elements, `walk` steps into types, `merge` puts one element over another, `contradiction` says
what that must not do, `generate` does it all. Never changes a structure it is given.
"""

from mihub.core.fhir.definitions.snapshot.generate import generate
from mihub.core.fhir.definitions.snapshot.tree import elements_of

__all__ = ["elements_of", "generate"]
