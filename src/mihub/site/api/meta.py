"""$meta, $meta-add, $meta-delete: the profiles, tags and security labels of a resource, a version, a type or the record.

Adding and deleting make a new version, so that the change has its line in the audit; an old version stays as it was, and
$meta-add on one is refused. For a type and the record $meta tells what the index holds: labels without their display texts.
Source: https://hl7.org/fhir/R4/resource-operation-meta.html. Above: `app`. Below: `site.store`.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.types import EXCHANGE_TYPES, RESOURCE_TYPES
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden, InvalidInput, PreconditionFailed
from mihub.site.api.call import Call, refusal_noted
from mihub.site.api.create import outcome_of_write
from mihub.site.api.faults import known_type, not_there
from mihub.site.api.read import present, read
from mihub.site.api.reply import Reply, document
from mihub.site.api.update import must_be_theirs
from mihub.site.api.vread import vread
from mihub.site.store.history import speaks
from mihub.site.store.labels import NAMES
from mihub.site.store.protocol import Put

_ATTEMPTS: Final = 5
_LABELS: Final = ("profile", "security", "tag")


def meta(call: Call, resource_type: str = "", resource_id: str = "", version_id: str = "") -> Reply:
    """Parameters with `return`. Raises `NotFound`, `Gone`, `Forbidden`."""
    if resource_type:
        known_type(resource_type)
    if resource_id:
        found = (
            vread(call, resource_type, resource_id, version_id)
            if version_id
            else read(call, resource_type, resource_id)
        )
        return _told(orjson.loads(found.body or b"{}").get("meta", {}))
    within = call.within(Action.READ)
    used = call.site.store.labels(resource_type, _parameters(call, resource_type), call.access, within)
    if not speaks(within, resource_type):
        raise Forbidden(
            f"This role may not read the labels of {resource_type or 'this record'} here.",
            rule="access rules (docs/reference/roles.md)",
            next_step="Sign in with a role that may, or ask the organisation.",
        )
    value: Json = {
        "profile": list(used.profiles),
        "security": [_coding(*one) for one in used.security],
        "tag": [_coding(*one) for one in used.tags],
    }
    return _told({name: listed for name, listed in value.items() if listed})


def change_meta(call: Call, resource_type: str, resource_id: str, given: Resource, *, add: bool) -> Reply:
    """The labels after the change. Raises `NotFound`, `Gone`, `InvalidInput`, `Forbidden`."""
    known_type(resource_type)
    wanted = _given(given)
    within = call.within(Action.WRITE)
    interaction = "meta-add" if add else "meta-delete"
    for attempt in range(_ATTEMPTS):
        with refusal_noted(call, "U", interaction, resource_type, resource_id):
            must_be_theirs(call, resource_type, resource_id, within)
            found = call.site.store.read(resource_type, resource_id, call.access, within)
            version = present(found, resource_type)
            resource: Resource = orjson.loads(version.body or b"{}")
            changed = _changed(resource.get("meta", {}), wanted, add=add)
            put = Put(resource | {"meta": changed}, if_match=version.version_id)
            try:
                written = call.site.store.write([put], call.access, within)[0]
            except PreconditionFailed:
                # Somebody else was faster: the labels go onto what they wrote.
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
        if call.wants_outcome:
            return document(outcome_of_write(call, written))
        stored = orjson.loads(written.version.body or b"{}")["meta"] if written.version else resource["meta"]
        return _told(stored)
    raise not_there(resource_type)


def _parameters(call: Call, resource_type: str) -> dict[int, str]:
    """The numbers under which the index keeps labels."""
    types = [resource_type] if resource_type else sorted(RESOURCE_TYPES - EXCHANGE_TYPES)
    known = ((name, call.site.catalogue.of(one).get(name)) for one in types for name in NAMES)
    return {index: name for name, one in known if one is not None for index in one.indexes}


def _given(parameters: Resource) -> Json:
    listed = parameters.get("parameter")
    for one in listed if isinstance(listed, list) else []:
        value = one.get("valueMeta") if isinstance(one, dict) and one.get("name") == "meta" else None
        if isinstance(value, dict) and all(isinstance(value.get(name, []), list) for name in _LABELS):
            return value
    raise InvalidInput(
        "There are no labels to add or delete.",
        where="meta",
        rule="Parameters with a parameter meta that has valueMeta",
        next_step="Send profiles, tags or security labels in valueMeta.",
    )


def _changed(now: Json, wanted: Json, *, add: bool) -> Json:
    changed = dict(now)
    for name in _LABELS:
        there, given = list(now.get(name, [])), wanted.get(name, [])
        keys = {_key(one) for one in (there if add else given)}
        if add:
            fresh = {_key(one): one for one in given if _key(one) not in keys}
            changed[name] = [*there, *fresh.values()]
        else:
            changed[name] = [one for one in there if _key(one) not in keys]
    return {name: value for name, value in changed.items() if value != []}


def _key(label: Any) -> Any:
    # Two labels are the same when system and code are; texts and versions do not make them differ.
    return (label.get("system"), label.get("code")) if isinstance(label, dict) else str(label)


def _coding(system: str, code: str) -> Json:
    return {"system": system, "code": code} if system else {"code": code}


def _told(value: Json) -> Reply:
    return document({"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": value}]})
