"""Writes into each Subscription how it stands with it: status and, while it fails, the error in a sentence.

Never over a version that the follower has not read yet: what a client wrote meanwhile comes first. Above: `dispatcher`.
Below: `outbox`, the record's one way to write.
"""

from __future__ import annotations

import orjson

from mihub import log
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access
from mihub.errors import PreconditionFailed, Unprocessable
from mihub.site.store.protocol import Put, Store
from mihub.site.subscriptions.kept import Kept
from mihub.site.subscriptions.outbox import Outbox
from mihub.site.subscriptions.versions import Versions


class StatusWriter:
    """`own`: the access of this room."""

    def __init__(self, outbox: Outbox, store: Store, versions: Versions, own: Access) -> None:
        self._outbox, self._store, self._versions, self._own = outbox, store, versions, own

    def tell(self) -> None:
        """Of every subscription whose resource says another state."""
        for kept in self._outbox.untold():
            self._tell(kept)

    def _tell(self, kept: Kept) -> None:
        current = self._versions.current("Subscription", kept.id)
        if current is None or current.body is None or current.version_id != kept.version:
            return
        resource: Resource = orjson.loads(current.body)
        said = {name: value for name, value in resource.items() if name != "error"}
        said["status"] = kept.state
        if kept.reason and kept.state == "error":
            said["error"] = kept.reason
        try:
            self._store.write([Put(said, if_match=kept.version)], self._own)
        except PreconditionFailed:
            return
        except Unprocessable as error:
            # The site's validation forbids this resource as it is; $status and the command still tell the truth.
            log.warning("a state can not be written", error=type(error).__name__, room="subscriptions")
        self._outbox.told(kept.id, kept.state)
