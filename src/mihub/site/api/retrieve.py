"""A GET by its address below the base, for entries of bundles. Above: `batch`, `transaction`."""

from __future__ import annotations

from urllib.parse import parse_qsl

from mihub.errors import NotSupported
from mihub.site.api.audit_events import audit_events
from mihub.site.api.call import Call
from mihub.site.api.everything import everything
from mihub.site.api.history import history
from mihub.site.api.read import read
from mihub.site.api.reply import Reply
from mihub.site.api.search_type import search_type
from mihub.site.api.search_wide import search_compartment
from mihub.site.api.vread import vread


def retrieve(call: Call, path: str, query: str) -> Reply:
    """Read, vread, history, search in a type or compartment, $everything. Raises as these do."""
    parameters = parse_qsl(query, keep_blank_values=True)
    match path.strip("/").split("/"):
        case ["AuditEvent"]:
            return audit_events(call, parameters)
        case ["_history"]:
            return history(call, parameters)
        case [resource_type, "_history"]:
            return history(call, parameters, resource_type)
        case [resource_type]:
            return search_type(call, resource_type, parameters)
        case ["Patient", patient_id, "$everything"]:
            return everything(call, patient_id, parameters)
        case [resource_type, resource_id]:
            return read(call, resource_type, resource_id)
        case [resource_type, resource_id, "_history"]:
            return history(call, parameters, resource_type, resource_id)
        case [resource_type, resource_id, "_history", version_id]:
            return vread(call, resource_type, resource_id, version_id)
        case [owner, owner_id, wanted] if not wanted.startswith(("$", "_")):
            return search_compartment(call, owner, owner_id, wanted, parameters)
        case _:
            raise NotSupported("The entry's address is not known.", where="request.url")
