"""Labels in use on PostgreSQL: two statements over the index, restricted as a search is. Above: `postgres`."""

from __future__ import annotations

from collections.abc import Mapping

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.database.pool import Connection
from mihub.site.store.labels import labels_of, notes_of_labels
from mihub.site.store.postgres_audit import write_lines
from mihub.site.store.postgres_within import allowed
from mihub.site.store.protocol import Labels

_TABLES = (("index_token", "system, x.code"), ("index_link", "type, x.id"))


def find_labels(
    connection: Connection,
    resource_type: str,
    parameters: Mapping[int, str],
    access: Access,
    within: Restriction,
) -> Labels:
    """See `Store.labels`."""
    visible, values = allowed(within)
    # Only current resources have rows, so that whoever may see everything needs no look at the resource.
    joined = "" if within == EVERYTHING else "JOIN resource r ON r.rid = x.rid"
    rows = [
        row
        for table, columns in _TABLES
        for row in connection.execute(
            f"SELECT DISTINCT x.param, x.{columns} FROM {table} x {joined} WHERE x.param = ANY(%s) AND {visible}",
            [list(parameters), *values],
        )
    ]
    write_lines(connection, notes_of_labels(resource_type, within), access)
    return labels_of(rows, parameters)
