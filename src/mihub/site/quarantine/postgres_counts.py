"""The counts of conformance on the site's PostgreSQL. The tables come with those of the quarantine.

Above: `tally`. Below: `database`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import orjson

from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.site.quarantine.tally import Counts, Group, Seen, Spot
from mihub.site.quarantine.told import from_json, to_json

_ADD_GROUP: Final = """
INSERT INTO conformance_day AS c (day, source, type, profile, checked, with_errors, with_warnings, refused, unknown)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (day, source, type, profile) DO UPDATE SET
    checked = c.checked + excluded.checked, with_errors = c.with_errors + excluded.with_errors,
    with_warnings = c.with_warnings + excluded.with_warnings, refused = c.refused + excluded.refused,
    unknown = c.unknown + excluded.unknown
"""
_ADD_SPOT: Final = """
INSERT INTO finding_day AS f (day, source, type, profile, rule, place, severity, seen, example, example_at, finding)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)
ON CONFLICT (day, source, type, profile, rule, place, severity) DO UPDATE SET
    seen = f.seen + excluded.seen, example = excluded.example, example_at = excluded.example_at,
    finding = excluded.finding
"""
_GROUPS: Final = """
SELECT day, source, type, profile, checked, with_errors, with_warnings, refused, unknown
FROM conformance_day WHERE day >= %s
"""
_SPOTS: Final = """
SELECT max(day), source, type, profile, rule, place, severity, sum(seen)::bigint,
       (array_agg(example ORDER BY day DESC))[1], (array_agg(example_at ORDER BY day DESC))[1],
       (array_agg(finding ORDER BY day DESC))[1]
FROM finding_day WHERE day >= %s
GROUP BY source, type, profile, rule, place, severity
ORDER BY severity NOT IN ('error', 'fatal'), sum(seen) DESC,
         source COLLATE "C", type COLLATE "C", profile COLLATE "C", rule COLLATE "C", place COLLATE "C",
         severity COLLATE "C" LIMIT %s
"""


class PostgresCounts:
    """A `CountStore` on an open pool whose tables `PostgresQuarantine` has brought up to date."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def add(self, groups: Mapping[Group, Counts], spots: Mapping[Spot, Seen]) -> None:
        """See `CountStore.add`."""
        # Always in the same order, so that two processes that count at once do not wait for each other in a circle.
        group_rows = [
            (*group, one.checked, one.with_errors, one.with_warnings, one.refused, one.unknown)
            for group, one in sorted(groups.items(), key=lambda pair: pair[0])
        ]
        spot_rows = [
            (*spot, one.seen, one.example, one.example_at, orjson.dumps(to_json(one.finding)).decode())
            for spot, one in sorted(spots.items(), key=lambda pair: pair[0])
        ]
        # Row by row: what a pipeline or COPY would save is not worth its second message when the disk is full.
        with translated(), self._pool.connection() as connection, connection.transaction():
            for row in group_rows:
                connection.execute(_ADD_GROUP, row)
            for spot_row in spot_rows:
                connection.execute(_ADD_SPOT, spot_row)

    def groups(self, since: date) -> dict[Group, Counts]:
        """See `CountStore.groups`."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(_GROUPS, (since,)).fetchall()
        return {(row[0], row[1], row[2], row[3]): Counts(*row[4:9]) for row in rows}

    def spots(self, since: date, most: int) -> list[tuple[Spot, Seen]]:
        """See `CountStore.spots`."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(_SPOTS, (since, most)).fetchall()
        return [((row[0], *row[1:7]), Seen(int(row[7]), row[8], row[9], from_json(row[10]))) for row in rows]
