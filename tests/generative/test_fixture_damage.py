"""Other people's files, damaged at random, against a real record: never an error, always an account, never half a record.

The small samples of `test_ingest_damage` meet a record in memory; here PostgreSQL has its say as well (NUL, broken
surrogates, sizes). The long run takes the synthetic region of 2,000 people through the same door.
"""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mihub.apps.open_site import OpenSite
from mihub.database.embedded import Embedded
from mihub.synth.region import write_region
from tests.real_site import TODAY, real_site
from tests.store_record import postgres  # noqa: F401  # a fixture

_Harm = Callable[[bytes, random.Random], bytes]
_INTRUDERS = (
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"\xff\xfe",
    b'"',
    b"{",
    b"]",
    b"<",
    b"&x;",
    b"]]>",
    b"\xc3",
    b"-0e999",
)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _intrude(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + chance.choice(_INTRUDERS) + content[at:]


def _in_a_text(content: bytes, chance: random.Random) -> bytes:
    """Inside of a value, where the file as a whole stays readable."""
    ends = [
        at
        for at in range(1, len(content))
        if content[at : at + 1] in (b'"', b"<") and content[at - 1 : at].isalnum()
    ]
    at = chance.choice(ends or [0])
    return content[:at] + chance.choice(_INTRUDERS[:2]) + content[at:]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    start, length = chance.randrange(len(content)), chance.randint(1, 2_000)
    return content[:start] + content[start : start + length] + content[start:]


_HARMS: tuple[_Harm, ...] = (_cut, _flip, _intrude, _in_a_text, _repeat)


@pytest.fixture(scope="module")
def site(postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSite]:
    with real_site(postgres, tmp_path_factory.mktemp("damage")) as opened:
        yield opened


def _fixtures(shared: Path) -> list[Path]:
    data = shared / "data"
    return sorted([*(data / "mii-testdata/bundles").glob("*.json"), *(data / "obds").rglob("*.xml")])


def _hold_to_account(site: OpenSite, path: Path, seed: str) -> None:
    rehearsed = site.importer().run([path], dry_run=True)
    report = site.importer().run([path])
    assert report.stopped is None, seed
    assert report.files == 1, seed
    assert report.read >= 1, seed
    assert bool(report.rejected) == bool(report.reasons), seed
    again = site.importer().run([path])
    assert (again.loaded, again.rejected) == (report.loaded, report.rejected), seed
    assert set(again.resources) <= {"unchanged"}, (seed, again.resources)
    assert rehearsed.read == report.read, seed


def _damage(site: OpenSite, files: list[Path], target: Path, seeds: range) -> None:
    for number in seeds:
        chance = random.Random(number)  # a test wants the same again
        file = files[number % len(files)]
        harm = chance.choice(_HARMS)
        target.write_bytes(harm(file.read_bytes(), chance))
        _hold_to_account(site, target, f"{file.name}, {harm.__name__}, seed {number}")


def test_damaged_fixtures_have_an_account(shared: Path, site: OpenSite, tmp_path: Path) -> None:
    _damage(site, _fixtures(shared), tmp_path / "damaged", range(50))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_twenty_damages_of_each_fixture_have_an_account(shared: Path, site: OpenSite, tmp_path: Path) -> None:
    files = _fixtures(shared)
    _damage(site, files, tmp_path / "damaged", range(1_000, 1_000 + 20 * len(files)))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_a_region_of_two_thousand_people_loads_whole(
    postgres: Embedded, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("region")
    summary = write_region(out, seed=7, people=2_000, today=TODAY)
    for member in sorted(path.name for path in out.iterdir() if path.is_dir()):
        with real_site(postgres, tmp_path_factory.mktemp("sites"), member) as site:
            report = site.importer().run([out / member])
            again = site.importer().run([out / member])
            print(f"{member}: {report.loaded} loaded + {report.rejected} rejected; {dict(report.resources)}")
            assert (report.rejected, report.reasons) == (0, []), member
            assert set(again.resources) == {"unchanged"}, member
            assert sum(site.record.store.counts().values()) > 0, member
    assert summary is not None
