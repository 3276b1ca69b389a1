"""capabilities: GET [base]/metadata, made from what is registered, so that it can not promise what is not
there.

Source: https://hl7.org/fhir/R4/capabilitystatement.html.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json
from mihub.core.fhir.types import EXCHANGE_TYPES, RESOURCE_TYPES
from mihub.site.api import export, imports, subscriptions, terminology_metadata
from mihub.site.api.formats import FHIR_XML
from mihub.site.api.patch import JSON_PATCH
from mihub.site.api.reply import FHIR_JSON, Reply, document
from mihub.site.search.catalogue import Catalogue, Parameter
from mihub.site.site import Site

INTERACTIONS: Final = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
_VIEWS: Final = [
    {
        "name": f"viewdefinition-{name}",
        "definition": f"http://sql-on-fhir.org/OperationDefinition/$viewdefinition-{name}",
    }
    for name in ("run", "export")
]
_VERSIONS: Final = {
    "name": "versions",
    "definition": "http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions",
}
_META: Final = [
    {"name": name, "definition": f"http://hl7.org/fhir/OperationDefinition/Resource-{name}"}
    for name in ("meta", "meta-add", "meta-delete")
]
_VALIDATE: Final = {
    "name": "validate",
    "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate",
}
_CONTROL: Final = {"_id": "token", "_lastUpdated": "date", "_list": "reference"}
_OVER_TYPES: Final = {
    "_type": "special", "_id": "token", "_lastUpdated": "date", "_tag": "token", "_profile": "uri", "_security": "token",
    "_source": "uri", "_list": "reference",
}  # fmt: skip
_COMPARTMENT: Final = "http://hl7.org/fhir/CompartmentDefinition/"
_GRAPHQL: Final = "http://hl7.org/fhir/OperationDefinition/Resource-graphql"
# When this description last changed; the resource must carry a date and may not carry the time of asking.
_DATE: Final = "2026-11-23"


def metadata(site: Site, base: str) -> Reply:
    """The CapabilityStatement of this site; open to everybody, holds nothing of a patient."""
    types = sorted(RESOURCE_TYPES - EXCHANGE_TYPES)
    described = terminology_metadata.described(base)
    if site.pool is not None:
        described["instantiates"] = [*described["instantiates"], export.INSTANTIATES]
    return document(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": _DATE,
            "kind": "instance",
            **described,
            "implementation": {"description": site.settings.name or site.settings.member, "url": base},
            "fhirVersion": "4.0.1",
            "format": ["json", FHIR_JSON, "xml", FHIR_XML],
            "patchFormat": [FHIR_JSON, JSON_PATCH],
            "rest": [
                {
                    "mode": "server",
                    "security": {"description": "Signed access statements of the region's members."},
                    "resource": [_resource(site.catalogue, name) for name in types],
                    "interaction": [
                        {"code": "transaction"},
                        {"code": "batch"},
                        {"code": "history-system"},
                        {"code": "search-system"},
                    ],
                    "searchParam": [{"name": name, "type": kind} for name, kind in _OVER_TYPES.items()],
                    "compartment": [
                        f"{_COMPARTMENT}{owner.lower()}" for owner in site.catalogue.published_compartments
                    ],
                    "operation": [
                        {"name": "graphql", "definition": _GRAPHQL},
                        _META[0],
                        _VALIDATE,
                        *_VIEWS,
                        *([export.OPERATIONS[""]] if site.pool is not None else []),
                        imports.OPERATION,
                        _VERSIONS,
                    ],
                }
            ],
        }
    )


def _parameter(one: Parameter) -> Json:
    described = {"name": one.name, "definition": one.url, "type": one.kind}
    return {name: value for name, value in described.items() if value}


def _resource(catalogue: Catalogue, resource_type: str) -> Json:
    if resource_type == "AuditEvent":
        names = [("patient", "reference"), ("entity", "reference"), ("date", "date")]
        parameters = [{"name": name, "type": kind} for name, kind in names]
        return {"type": resource_type, "interaction": [{"code": "search-type"}], "searchParam": parameters}
    known = catalogue.of(resource_type).values()
    references = [one.name for one in known if one.kind == "reference"]
    resource: Json = {
        "type": resource_type,
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": ["*", *(f"{resource_type}:{name}" for name in references)],
        "searchParam": [{"name": name, "type": kind} for name, kind in _CONTROL.items()]
        + [_parameter(one) for one in known],
    }
    if resource_type == "Patient":
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        resource["operation"] = [{"name": "everything", "definition": definition}]
    own = terminology_metadata.operations(resource_type)
    bulk = [export.OPERATIONS[resource_type]] if resource_type in export.OPERATIONS else []
    resource["operation"] = [*resource.get("operation", []), *_META, _VALIDATE, *bulk, *own]
    if resource_type == "Subscription":
        about = subscriptions.described()
        resource |= about | {"operation": [*resource["operation"], *about["operation"]]}
    return {name: value for name, value in resource.items() if value != []}
