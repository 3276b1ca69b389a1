"""JSON Patch (RFC 6902), by the library `jsonpatch`; its errors become ours, without the values they quote."""

from __future__ import annotations

from typing import Any, Final

import jsonpatch
import jsonpointer

from mihub.errors import InvalidInput, Unprocessable

_RULE: Final = "JSON Patch (RFC 6902)"
# More instructions than any form makes; each may copy a part of the resource.
MOST_OPERATIONS: Final = 1000


def json_patched(document: Any, patch: Any) -> Any:
    """The document after all instructions, or none of them: raises at the first that does not apply.

    Raises `InvalidInput` for what is no patch, `Unprocessable` when one of its instructions does not fit the document.
    """
    for number, operation in enumerate(_operations(patch), start=1):
        document = _applied(document, operation, number)
    return document


def _operations(patch: Any) -> list[Any]:
    if not isinstance(patch, list):
        raise InvalidInput(
            "A JSON Patch is an array of instructions.", rule=_RULE, next_step="Send an array."
        )
    if len(patch) > MOST_OPERATIONS:
        raise InvalidInput(
            f"More than {MOST_OPERATIONS} instructions in one patch.",
            rule=_RULE,
            next_step="Send an update instead.",
        )
    return patch


def _applied(document: Any, operation: Any, number: int) -> Any:
    where = f"instruction {number}"
    try:
        return jsonpatch.apply_patch(document, [operation], in_place=False)
    except jsonpatch.JsonPatchTestFailed:
        raise Unprocessable(
            "The value that the patch expects is not there.",
            where=where,
            rule=f"{_RULE}, test",
            next_step="Read it anew.",
        ) from None
    except (jsonpatch.JsonPatchConflict, jsonpointer.JsonPointerException):
        raise Unprocessable(
            "The place that the patch names is not there.",
            where=where,
            rule=_RULE,
            next_step="Read the resource anew.",
        ) from None
    except (jsonpatch.InvalidJsonPatch, AttributeError, TypeError, KeyError):
        raise InvalidInput(
            "This is no instruction of a JSON Patch.",
            where=where,
            rule=f"{_RULE}: op, path, and value or from",
            next_step="Correct the instruction.",
        ) from None
