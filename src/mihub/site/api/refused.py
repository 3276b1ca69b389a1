"""What validation forbids of a request goes into the quarantine, so that nothing a client sent disappears.

The client gets every finding (`reply.failure`); the site keeps what came, under the client's name. Above: `call`, whose
`refusal_noted` stands around every write. Below: `site.quarantine`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from mihub import log
from mihub.core.policy.actor import Access
from mihub.errors import MihubError
from mihub.site.quarantine.door import NotConformant
from mihub.site.quarantine.protocol import MAX_BODY_BYTES, Kind, Refused
from mihub.site.quarantine.told import placed
from mihub.site.site import Site

SOURCE: Final = "api"


def keep_refused(
    site: Site,
    access: Access,
    error: NotConformant,
    sent: bytes,
    whole: Callable[[], bytes] | None,
    *,
    is_new: bool,
) -> None:
    """Keep what came: `sent` as it was, else written from what was read. `whole` makes the bytes of a transaction.

    `is_new`: the client named no id, so nothing that comes later can be recognised as the repaired one. Never raises: the
    client's answer says what was wrong, whether or not it could be kept.
    """
    number, verdict = error.refused[0]
    resource = error.resources[number]
    if whole is None and is_new:
        resource = {name: value for name, value in resource.items() if name != "id"}
    body = sent or (whole() if whole is not None else orjson.dumps(resource))
    kind: Kind = "bundle" if whole is not None else "resource"
    keys = () if is_new else tuple(f"{one.resource_type}/{one.resource_id}" for _, one in error.refused)
    findings = tuple(
        type(found)(
            found.severity, found.code, placed(found.location, place), found.rule, found.profile, found.facts
        )
        for place, found in error.located()
    )
    try:
        site.quarantine.keep(
            [
                Refused(
                    kind, SOURCE, body if len(body) <= MAX_BODY_BYTES else None, len(body),
                    "Bundle" if whole is not None else verdict.resource_type,
                    "" if whole is not None or is_new else verdict.resource_id,
                    client=access.actor.id, findings=findings, keys=keys,
                )
            ]
        )  # fmt: skip
        for _, one in error.refused:
            site.tally.refused(one)
    except MihubError as fault:
        log.warning("refused-not-kept", error=type(fault).__name__)
