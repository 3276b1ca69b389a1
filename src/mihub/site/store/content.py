"""What counts as the same content, and the bytes that are stored.

The digest leaves out what the store itself writes (`meta.versionId`, `meta.lastUpdated`) and the order of
members, so that a second delivery of the same resource makes no new version. Above: both engines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.types import EXCHANGE_TYPES, ID, RESOURCE_TYPES
from mihub.core.policy.restriction import Restriction, withheld
from mihub.errors import InvalidInput, Unprocessable
from mihub.site.store.protocol import Version

_SORTED = orjson.OPT_SORT_KEYS
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def key_of(resource: Resource) -> tuple[str, str]:
    """Type and id. Raises `InvalidInput` or `Unprocessable` when they are not what FHIR R4 allows."""
    resource_type, resource_id = resource.get("resourceType"), resource.get("id")
    if not isinstance(resource_type, str) or resource_type not in RESOURCE_TYPES:
        raise InvalidInput(
            "The resource has a type that FHIR R4 does not know.",
            where="resourceType",
            rule="https://hl7.org/fhir/R4/resourcelist.html",
            next_step="Correct resourceType.",
        )
    if resource_type in EXCHANGE_TYPES:
        raise Unprocessable(
            f"{resource_type} is part of an exchange and is not stored.", where="resourceType"
        )
    if not isinstance(resource_id, str) or not ID.fullmatch(resource_id):
        raise InvalidInput(
            "The id of a resource has 1 to 64 letters, digits, '-' or '.'.",
            where=f"{resource_type}.id",
            rule="https://hl7.org/fhir/R4/datatypes.html#id",
            next_step="Correct the id.",
        )
    return resource_type, resource_id


def digest(resource: Resource) -> bytes:
    """16 bytes that are equal when the content is."""
    bare = {name: value for name, value in resource.items() if name != "meta"}
    meta = resource.get("meta")
    if isinstance(meta, dict):
        kept = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        if kept:
            bare["meta"] = kept
    return blake2b(_bytes(bare, _SORTED), digest_size=16).digest()


def stamped(resource: Resource, version_id: int, last_updated: datetime) -> bytes:
    """The JSON to store: the resource with its version and time in `meta`."""
    meta = resource.get("meta")
    stamp: Json = dict(meta) if isinstance(meta, dict) else {}
    stamp["versionId"] = str(version_id)
    stamp["lastUpdated"] = last_updated.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    # Type, id and meta come first, as people expect to read them.
    head = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": stamp}
    return _bytes(head | {name: value for name, value in resource.items() if name not in head}, 0)


def shown(versions: Sequence[Version], within: Restriction) -> list[Version]:
    """Those that may be seen when the current one may: an old one can have been withheld until it was released."""
    if within.sees_withheld:
        return list(versions)
    return [one for one in versions if one.body is None or not withheld(orjson.loads(one.body))]


def now_milliseconds() -> datetime:
    """The present time in UTC, as precise as it is written into resources."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _bytes(value: Json, option: int) -> bytes:
    try:
        written = orjson.dumps(value, option=option)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise InvalidInput(
            "The resource can not be written as JSON: a text is no Unicode, or it is nested too deeply.",
            next_step="Correct the text at the sender.",
        ) from error
    # FHIR texts hold no NUL, and PostgreSQL keeps none; an even number of backslashes before it is a text about one.
    if b"\\u0000" in written and _NUL.search(written):
        raise InvalidInput(
            "A value can not be stored, for example because of a NUL character.",
            next_step="Correct the input.",
        )
    return written
