"""How a function is declared: name, how many arguments, and whether it gets them evaluated.

An eager function gets collections, evaluated where the expression stands; a lazy one gets what to run per item.
Above: the groups beside this file, which fill the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mihub.core.fhir.fhirpath.elements import Items

# Arguments differ by function: collections for eager ones, `scope.Run` for lazy ones; the compiler keeps them apart.
Body = Callable[..., Items]


@dataclass(frozen=True, slots=True)
class Function:
    """One function and the numbers of arguments it takes."""

    name: str
    body: Body
    minimum: int
    maximum: int
    lazy: bool


FUNCTIONS: dict[str, Function] = {}


def function(
    name: str, minimum: int = 0, maximum: int | None = None, *, lazy: bool = False
) -> Callable[[Body], Body]:
    """Enter a function into the table; `maximum` None means as many as `minimum`."""

    def enter(body: Body) -> Body:
        most = minimum if maximum is None else maximum
        FUNCTIONS[name] = Function(name, body, minimum, most, lazy)
        return body

    return enter
