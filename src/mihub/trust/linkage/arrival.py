"""Records arrive, are compared with those that share a block, and get their person, in one transaction per
batch.

The filters are kept so that the next arrival can be compared; the key that made them is never here. Linking
is one at a time, so that two arriving batches can not make two persons of one. Below: `core/linkage`,
`database`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from mihub.core.linkage.score import Candidate, RecordKey
from mihub.core.linkage.solve import Clusters
from mihub.core.policy.actor import MemberId
from mihub.core.wire.identity import EncodedIdentity
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool

_COLUMNS = "member, transport_id, person, clk, blocks, insurance"


class Linkage:
    """Writes what `registry.persons` reads."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def take(self, member: MemberId, identities: Sequence[EncodedIdentity]) -> int:
        """Link a member's new, changed and removed records; how many were new or changed. Durable on
        return."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('trust_linkage'))")
            known = _own(connection, member, identities)
            changed = [one for one in identities if known.get(one.transport_id) != _content(one)]
            if not changed:
                return 0
            clusters = Clusters(lambda: uuid.uuid4().hex)
            before = _load(connection, clusters, member, changed)
            records = _apply(clusters, member, changed)
            _store(connection, clusters, before, records)
        return len(changed)


def _content(one: EncodedIdentity) -> tuple[bytes, tuple[str, ...], str]:
    return (one.clk, tuple(sorted(one.blocks)), one.insurance)


def _own(
    connection: Connection, member: MemberId, identities: Sequence[EncodedIdentity]
) -> dict[str, tuple[bytes, tuple[str, ...], str]]:
    rows = connection.execute(
        "SELECT transport_id, clk, blocks, insurance FROM trust_record"
        " WHERE member = %s AND transport_id = ANY (%s)",
        (member, [one.transport_id for one in identities]),
    )
    return {row[0]: (bytes(row[1]), tuple(sorted(row[2])), row[3]) for row in rows}


def _load(
    connection: Connection, clusters: Clusters, member: MemberId, changed: Sequence[EncodedIdentity]
) -> dict[RecordKey, str]:
    # All records of every person that could be touched, so that rules about whole persons can be kept.
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM trust_record WHERE person IN (SELECT person FROM trust_record"
        " WHERE blocks && %s OR insurance <> '' AND insurance = ANY (%s)"
        " OR member = %s AND transport_id = ANY (%s))",
        (
            list({block for one in changed for block in one.blocks}),
            list({one.insurance for one in changed if one.insurance}),
            member,
            [one.transport_id for one in changed],
        ),
    )
    before: dict[RecordKey, str] = {}
    for owner, transport_id, person, clk, blocks, insurance in rows:
        key = RecordKey(owner, transport_id)
        before[key] = str(person)
        candidate = Candidate(key, int.from_bytes(clk, "big"), frozenset(blocks), insurance)
        clusters.load(candidate, before[key])
    return before


def _apply(
    clusters: Clusters, member: MemberId, changed: Sequence[EncodedIdentity]
) -> dict[RecordKey, EncodedIdentity]:
    # Records with an insurance number first: they decide, the others then find whole persons.
    records: dict[RecordKey, EncodedIdentity] = {}
    for one in sorted(changed, key=lambda identity: not identity.insurance):
        key = RecordKey(member, one.transport_id)
        if one.removed:
            clusters.remove(key)
            continue
        records[key] = one
        clusters.add(Candidate(key, int.from_bytes(one.clk, "big"), frozenset(one.blocks), one.insurance))
    return records


def _store(
    connection: Connection,
    clusters: Clusters,
    before: dict[RecordKey, str],
    records: dict[RecordKey, EncodedIdentity],
) -> None:
    after = clusters.persons()
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO trust_person (id) VALUES (%s) ON CONFLICT DO NOTHING",
            [(person,) for person in set(after.values())],
        )
        cursor.executemany(
            "UPDATE trust_record SET person = %s WHERE member = %s AND transport_id = %s",
            [(after[key], *key) for key, person in before.items() if after.get(key, person) != person],
        )
        cursor.executemany(
            f"INSERT INTO trust_record ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (member, transport_id) DO UPDATE SET person = excluded.person, clk = excluded.clk,"
            " blocks = excluded.blocks, insurance = excluded.insurance",
            [(*key, after[key], one.clk, list(one.blocks), one.insurance) for key, one in records.items()],
        )
        cursor.executemany(
            "DELETE FROM trust_record WHERE member = %s AND transport_id = %s",
            [tuple(key) for key in before if key not in after],
        )
        cursor.executemany(
            "UPDATE trust_person SET merged_into = %s WHERE id = %s",
            [(into, person) for person, into in clusters.merged.items()],
        )
