"""Single versions out of the record, for matching and for what a notification carries. Never shown to anybody unasked.

Reads the tables of `site.store`; the policy is decided by whoever asks. Above: `filters`, `follower`, `telling`.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.site.store.protocol import Version

_CURRENT: Final = (
    "SELECT version_id, last_updated, position, body FROM resource WHERE type = %(type)s AND id = %(id)s"
)
_ONE: Final = f"""
SELECT * FROM ({_CURRENT} UNION ALL
    SELECT s.version_id, s.last_updated, s.position, s.body FROM superseded s JOIN resource r USING (rid)
    WHERE r.type = %(type)s AND r.id = %(id)s AND s.version_id = %(version)s
) found WHERE version_id = %(version)s
"""
_AUTHOR: Final = """
SELECT actor_id, actor_name, role, organization, purpose, relation, subject FROM audit
WHERE {narrow} first_position <= %(at)s AND last_position >= %(at)s AND action IN ('C', 'U') AND outcome = '0'
ORDER BY id DESC LIMIT 1
"""
_BY_RESOURCE: Final = "resource_id = %(id)s AND resource_type = 'Subscription' AND"


class Versions:
    """Reads of one record."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def current(self, resource_type: str, resource_id: str) -> Version | None:
        """The newest version, also a deleting one."""
        return self._find(_CURRENT, resource_type, resource_id, 0)

    def one(self, resource_type: str, resource_id: str, version_id: int) -> Version | None:
        """This version."""
        return self._find(_ONE, resource_type, resource_id, version_id) if version_id > 0 else None

    def author(self, version: Version) -> Access | None:
        """Who wrote this version of a Subscription, as the audit noted in the same transaction."""
        values = {"id": version.id, "at": version.position}
        with translated(), self._pool.connection() as connection:
            # The line of a transaction with several of a kind names none of them; that one is looked for by its place.
            for narrow in (_BY_RESOURCE, ""):
                row = connection.execute(_AUTHOR.format(narrow=narrow), values).fetchone()
                if row is not None:
                    return _access(row)
        return None

    def _find(self, statement: str, resource_type: str, resource_id: str, version_id: int) -> Version | None:
        values = {"type": resource_type, "id": resource_id, "version": version_id}
        with translated(), self._pool.connection() as connection:
            row = connection.execute(statement, values, binary=True).fetchone()
        return Version(resource_type, resource_id, *row) if row is not None else None


def _access(row: tuple[Any, ...]) -> Access:
    actor_id, name, role, organization, purpose, relation, subject = row
    actor = Actor(actor_id, name, Role(role), MemberId(organization))
    return Access(actor, Purpose(purpose), TransportId(subject) if subject else None, relation)


def access_to_text(access: Access) -> str:
    """To keep it with a subscription."""
    actor = access.actor
    kept = [
        actor.id, actor.name, actor.role.value, actor.organization, access.purpose.value, access.care_relation,
        access.subject or "",
    ]  # fmt: skip
    return orjson.dumps(kept).decode()


def access_of_text(text: str) -> Access:
    """As it was kept."""
    return _access(tuple(orjson.loads(text)))
