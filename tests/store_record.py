"""What the tests of the record share: one PostgreSQL for the run, fresh records, accesses and a client."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from starlette.types import ASGIApp

from mihub.core.policy import assertion
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.database.embedded import Embedded
from mihub.site.api.app import create_app
from mihub.site.settings import SiteSettings
from mihub.site.site import Site

HERE = MemberId("chemnitz")
PORTAL = MemberId("netzwerk")
_NUMBERS = itertools.count(1)
KEY = ECKey.generate_key("P-384", parameters={"kid": "netzwerk"}, private=True)


def transport_id(patient_id: str) -> str:
    """As plain as a test can read it."""
    return "f" + patient_id.encode().hex()


def access(
    role: Role = Role.SYSTEM,
    purpose: Purpose = Purpose.TREATMENT,
    *,
    organization: str = HERE,
    patient: str | None = None,
    relation: str = "",
) -> Access:
    """An access; `patient` is a Patient.id at this site."""
    subject = TransportId(transport_id(patient)) if patient else None
    return Access(
        Actor(f"{role}-1", f"Test {role}", role, MemberId(organization)), purpose, subject, relation
    )


@dataclass
class Client:
    """HTTP as a portal speaks it: every request carries a statement about `who`."""

    app: ASGIApp
    who: Access
    audience: MemberId = HERE

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        token = assertion.sign(
            self.who, issuer=PORTAL, audience=self.audience, key=KEY, now_seconds=int(time.time())
        )
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return self.bare(method, path, headers=headers, **more)

    def bare(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Without a statement."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://site.test/fhir/") as http:
                return await http.request(method, path, **more)

        return asyncio.run(send())

    def put(self, resource: dict[str, Any], **more: Any) -> httpx.Response:
        return self.send("PUT", f"{resource['resourceType']}/{resource['id']}", json=resource, **more)

    def ids(self, path: str) -> list[str]:
        """Ids of the matches of a search, all pages."""
        found: list[str] = []
        while path:
            page = self.send("GET", path).json()
            assert page["resourceType"] == "Bundle", page
            found += [e["resource"]["id"] for e in page.get("entry", []) if e["search"]["mode"] == "match"]
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            path = following[0].split("/fhir/")[1] if following else ""
        return found

    def as_(self, who: Access) -> Client:
        return Client(self.app, who, self.audience)


@contextmanager
def database_folder() -> Iterator[Path]:
    """A folder for a PostgreSQL. Not pytest's: as root the server runs under another account, and every pytest that
    starts closes the folder that all of them share to other accounts."""
    with tempfile.TemporaryDirectory(prefix="mihub-test-") as folder:
        yield Path(folder) / "pg"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Embedded]:
    with database_folder() as folder, Embedded.start(folder) as server:
        yield server


def open_site(postgres: Embedded, folder: Path, *, kind: str = "hospital", **settings: Any) -> Site:
    """A site with an empty record."""
    url = postgres.url(f"record_{next(_NUMBERS)}")
    return Site.open(
        SiteSettings(member=HERE, data_dir=folder, kind=kind, database_connections=4, **settings),
        lambda: {PORTAL: KEY},
        transport_id=transport_id,
        database_url=url,
    )


@pytest.fixture(scope="module")
def site(postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path_factory.mktemp("site"), max_body_bytes=100_000, max_json_depth=30)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    """As the site's own programs; `client.as_(...)` is somebody else."""
    return Client(create_app(site), access())
