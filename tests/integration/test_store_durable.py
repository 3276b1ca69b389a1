"""What the record acknowledged is there after kill -9; what it refused is not, not even half of it."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from mihub.database.embedded import Embedded
from mihub.errors import InvalidInput, MihubError, Unavailable
from mihub.site.search.extract import TRANSPORT_SYSTEM
from mihub.site.site import Site
from mihub.site.store.protocol import AuditQuery, Put, Version
from tests.store_record import access, database_folder, open_site, postgres, site, transport_id  # noqa: F401  # fixtures

WHO = access()

_WRITER = """
import sys
from pathlib import Path
from mihub.core.policy.actor import *
from mihub.site.settings import SiteSettings
from mihub.site.site import Site
from mihub.site.store.protocol import Put
site = Site.open(SiteSettings(member=MemberId("chemnitz"), data_dir=Path(sys.argv[1])), dict)
who = Access(Actor("w", "W", Role.SYSTEM, MemberId("chemnitz")), Purpose.RECORD_MANAGEMENT)
for number in range(100000):
    site.store.write([Put({"resourceType": "Basic", "id": f"{number}-{part}"}) for part in "abc"], who)
    site.store.read("Basic", f"{number}-a", who)
    print(number, flush=True)
"""


def test_acknowledged_survives_a_killed_program() -> None:
    with database_folder() as folder:
        program = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert program.stdout is not None
        acknowledged = [int(program.stdout.readline()) for _ in range(20)][-1]
        program.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in program.stdout.read().split())])
        program.wait()
        with Embedded.start(folder / "pg") as server, psycopg.connect(server.url("site")) as connection:
            there = dict(connection.execute("SELECT id, body IS NOT NULL FROM resource").fetchall())
            reads = connection.execute("SELECT count(*) FROM audit WHERE action = 'R'").fetchone()
            position = connection.execute("SELECT position, resources FROM record_state").fetchone()
    assert all(there[f"{number}-{part}"] for number in range(acknowledged + 1) for part in "abc")
    assert len(there) % 3 == 0, "a write is whole or not at all"
    assert reads is not None
    assert reads[0] >= acknowledged + 1, "no read without its line in the audit"
    assert position == (len(there), len(there))


def test_a_refused_batch_leaves_nothing(site: Site) -> None:
    before = site.store.position()
    batch = [Put({"resourceType": "Patient", "id": f"r{n}", "birthDate": "1960"}) for n in range(60)]
    with pytest.raises(InvalidInput, match=r"Where: entry 60, Patient\.birthDate"):
        site.store.write([*batch, Put({"resourceType": "Patient", "id": "bad", "birthDate": "1.1.60"})], WHO)
    assert site.store.position() == before
    assert site.store.read("Patient", "r1", WHO) is None
    with pytest.raises(InvalidInput, match=r"A value can not be stored|no Unicode"):
        site.store.write([Put({"resourceType": "Basic", "id": "x", "code": {"text": "\ud800"}})], WHO)


def test_a_lost_connection_is_unavailable_and_heals(site: Site) -> None:
    assert site.pool is not None
    with site.pool.connection() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def entries() -> list[Put]:
        assert site.pool is not None
        with site.pool.connection() as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return [Put({"resourceType": "Basic", "id": "lost"})]

    with pytest.raises(Unavailable, match="The database does not answer"):
        site.store.write(entries, WHO)
    assert site.store.read("Basic", "lost", WHO) is None
    assert site.store.write([Put({"resourceType": "Basic", "id": "lost"})], WHO)[0].effect == "created"


def test_writers_at_once_lose_nothing_and_race_for_nothing(site: Site) -> None:
    start, made = site.store.position(), []

    def once(number: int) -> list[Put]:
        question = site.parser.parse("Patient", [("identifier", "https://race|1")])
        if site.search.ids(question):
            return []
        identifier = [{"system": "https://race", "value": "1"}]
        return [Put({"resourceType": "Patient", "id": f"race-{number}", "identifier": identifier})]

    def work(number: int) -> None:
        made.extend(site.store.write(lambda: once(number), WHO))
        for step in range(5):
            site.store.write([Put({"resourceType": "Basic", "id": f"w{number}-{step}"})], WHO)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1, "a conditional create happens once"
    changes = site.store.changes(start, 1000)
    assert [version.position for version in changes] == list(range(start + 1, start + 32))


def test_a_newer_catalogue_indexes_again(postgres: Embedded, tmp_path: Path) -> None:
    opened = open_site(postgres, tmp_path)
    opened.store.write([Put({"resourceType": "Patient", "id": "old", "name": [{"family": "Alt"}]})], WHO)
    assert opened.pool is not None
    with opened.pool.connection() as connection:
        connection.execute("DELETE FROM index_text")
        connection.execute("DELETE FROM index_token")
        connection.execute("UPDATE record_state SET catalogue = 'older'")
        url = connection.info.dsn
    opened.close()
    again = Site.open(opened.settings, dict, transport_id=transport_id, database_url=url)
    for name, text in (("name", "alt"), ("identifier", f"{TRANSPORT_SYSTEM}|{transport_id('old')}")):
        assert again.search.ids(again.parser.parse("Patient", [(name, text)])) == ["old"]
    again.close()
    with pytest.raises(MihubError, match="does not answer"):
        again.store.read("Patient", "old", WHO)


def test_a_batch_is_audited_by_patient(site: Site) -> None:
    batch = [Put({"resourceType": "Patient", "id": f"b{n % 2}", "active": n > 1}) for n in range(4)]
    written = site.store.write(batch, WHO)
    assert [one.effect for one in written] == ["created", "created", "updated", "updated"]
    assert all(isinstance(one.version, Version) for one in written)
    lines = site.store.audit(AuditQuery(patient="b1"), WHO)
    assert [(line.action, line.resource_id, line.count) for line in lines] == [("U", "b1", 1), ("C", "b1", 1)]
