"""Refusals that only the API knows: they differ from others of their kind in the HTTP status."""

from __future__ import annotations

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.errors import NotFound, NotSupported


class UnknownType(NotSupported):
    """Not a resource type of FHIR R4."""

    http_status = 404


class UnknownMedia(NotSupported):
    """Neither JSON nor XML."""

    http_status = 415


class NotAcceptable(NotSupported):
    """No format that is spoken here."""

    http_status = 406


class NotAllowed(NotSupported):
    """The address exists, the HTTP method does not."""

    http_status = 405


def known_type(resource_type: str) -> str:
    """The type. Raises `UnknownType`."""
    if resource_type not in RESOURCE_TYPES:
        raise UnknownType(
            "There is no such resource type.",
            rule="https://hl7.org/fhir/R4/resourcelist.html",
            next_step="Correct the first part of the address after the base.",
        )
    return resource_type


def not_there(resource_type: str) -> NotFound:
    """The answer for what is not there and for what may not be seen."""
    return NotFound(f"There is no such {resource_type}.", next_step="Check the id.")
