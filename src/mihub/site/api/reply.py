"""What an interaction answers: a status, ready bytes, and the headers that FHIR asks for.

Source: https://hl7.org/fhir/R4/http.html. Above: `app` turns it into HTTP, `batch` into an entry of a bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import orjson

from mihub.errors import MihubError
from mihub.site.quarantine.told import outcome_of
from mihub.site.store.protocol import Version

FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Reply:
    """`version` gives ETag and Last-Modified; `location` is relative to the base, `Type/id/_history/n`.

    `media`: what the body is when it is no resource, "" for a resource in JSON. `content_location`: where the answer will
    be, relative to the base.
    """

    status: int
    body: bytes | None = None
    version: Version | None = None
    location: str = ""
    media: str = ""
    content_location: str = ""

    @property
    def etag(self) -> str:
        """The weak entity tag, or ""."""
        return f'W/"{self.version.version_id}"' if self.version else ""

    def headers(self, base: str) -> dict[str, str]:
        """The HTTP headers under this base URL."""
        headers = {"Cache-Control": "no-store"}
        if self.version is not None:
            headers["ETag"] = self.etag
            headers["Last-Modified"] = http_date(self.version.last_updated)
        if self.location:
            headers["Location"] = f"{base}/{self.location}"
        if self.content_location:
            headers["Content-Location"] = f"{base}/{self.content_location}"
        return headers


def unless_known(reply: Reply, if_none_match: str | None, if_modified_since: str | None) -> Reply:
    """The reply, or 304 without a body when the client has this version already.

    `If-None-Match` decides where both are said. Source: https://hl7.org/fhir/R4/http.html#cread.
    """
    if reply.version is None or reply.status != 200:
        return reply
    if if_none_match is not None:
        tags = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
        known = "*" in tags or reply.etag.removeprefix("W/") in tags
    else:
        known = _not_since(reply.version.last_updated, if_modified_since)
    return Reply(304, None, reply.version) if known else reply


def _not_since(changed: datetime, since: str | None) -> bool:
    try:
        moment = parsedate_to_datetime(since) if since else None
    except ValueError:
        return False
    # HTTP's dates have no fractions; one without a zone is nobody's.
    return moment is not None and moment.tzinfo is not None and changed.replace(microsecond=0) <= moment


def document(value: Any, status: int = 200) -> Reply:
    """A reply with a document of our own making."""
    return Reply(status, orjson.dumps(value))


def failure(error: MihubError, language: str = "en") -> Reply:
    """A reply that says what was wrong; findings of the validation in this language."""
    return document(outcome_of(error, language), error.http_status)


def stored(version: Version, status: int = 200, *, location: bool = False) -> Reply:
    """A reply with the stored bytes of a version."""
    where = f"{version.resource_type}/{version.id}/_history/{version.version_id}" if location else ""
    return Reply(status, version.body, version, where)


def http_date(moment: datetime) -> str:
    """As HTTP writes dates."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)
