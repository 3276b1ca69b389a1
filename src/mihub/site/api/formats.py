"""Which format is spoken: JSON inside, JSON or XML with the client, as `_format`, Accept and Content-Type say.

Source: https://hl7.org/fhir/R4/http.html#mime-type. Above: `app`. Below: `site.formats`.
"""

from __future__ import annotations

from typing import Final

import orjson

from mihub.site.api.faults import NotAcceptable
from mihub.site.api.reply import FHIR_JSON
from mihub.site.formats.xml_reading import resource_from_xml
from mihub.site.formats.xml_writing import resource_to_xml

FHIR_XML: Final = "application/fhir+xml"
_JSON: Final = frozenset({FHIR_JSON, "application/json", "text/json", "json"})
_XML: Final = frozenset({FHIR_XML, "application/xml", "text/xml", "xml"})
_ANY: Final = frozenset({"*/*", "application/*", "text/html", "text/*"})


def wanted(format_parameter: str | None, accept: str | None) -> str:
    """The media type of the answer. `_format` comes before Accept. Raises `NotAcceptable`."""
    if format_parameter:
        # A "+" in an address reads as a space.
        asked = [format_parameter.replace(" ", "+")]
    else:
        asked = [kind for _, kind in sorted(_weighed(accept or "*/*"), key=lambda one: -one[0])]
    for kind in asked:
        plain = kind.partition(";")[0].strip().lower()
        if plain in _JSON or plain in _ANY:
            return FHIR_JSON
        if plain in _XML:
            return FHIR_XML
    raise NotAcceptable(
        "This format is not spoken here.", rule="JSON or XML", next_step=f"Ask for {FHIR_JSON} or {FHIR_XML}."
    )


def _weighed(accept: str) -> list[tuple[float, str]]:
    found = []
    for part in accept.split(","):
        kind, _, parameters = part.partition(";")
        weight = parameters.partition("q=")[2].partition(";")[0].strip()
        found.append((float(weight) if weight.replace(".", "", 1).isdigit() else 1.0, kind))
    return [one for one in found if one[0] > 0]


def is_xml(media: str | None) -> bool:
    """Whether a body of this media type is XML."""
    return (media or "").partition(";")[0].strip().lower() in _XML


def json_of(body: bytes) -> bytes:
    """An XML body as JSON. Raises `InvalidInput`."""
    return orjson.dumps(resource_from_xml(body))


def xml_of(body: bytes) -> bytes:
    """A JSON body as XML."""
    return resource_to_xml(orjson.loads(body))
