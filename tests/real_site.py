"""Real sites for tests: opened with all rooms as `apps` does, on a PostgreSQL, members of a region of the test's making."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from mihub.apps.open_site import OpenSite, SitePlace, open_site
from mihub.core.policy import assertion
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.database.embedded import Embedded
from mihub.site.settings import SiteSettings
from mihub.site.validate.finding import Validator
from tests.wire_world import keys_of, members

TODAY = date(2026, 11, 23)
NETWORK = MemberId("netzwerk")
_numbers = itertools.count(1)


@contextmanager
def real_site(
    postgres: Embedded,
    folder: Path,
    member: str = "chemnitz",
    *,
    validation: str = "off",
    validator: Validator | None = None,
    **more: Any,
) -> Iterator[OpenSite]:
    """A site with an empty record that knows the region's portal. `more`: further settings."""
    number = next(_numbers)
    settings = SiteSettings(
        member=MemberId(member),
        data_dir=folder / member,
        name=member.title(),
        kind="care-record" if member == NETWORK else "hospital",
        database_connections=4,
        validation=validation,
        **more,
    )
    place = SitePlace(
        settings=settings,
        keys=keys_of(member),
        secret=f"secret of test site {number}".encode().ljust(32, b"."),
        registry=keys_of("registry").public(),
        linkage_key=b"linkage key of the test".ljust(32, b"."),
        today=lambda: TODAY,
    )
    site = open_site(place, database_url=postgres.url(f"real_{number}_{member}"), validator=validator)
    try:
        assert site.mailbox is not None
        site.mailbox.directory.accept(members(member, now=int(time.time())))
        yield site
    finally:
        site.close()


def sign(access: Access, audience: MemberId) -> str:
    """What the region's portal says of who asks."""
    key = keys_of(NETWORK).signing_key()
    return assertion.sign(access, issuer=NETWORK, audience=audience, key=key, now_seconds=int(time.time()))


def system(member: str) -> Access:
    """The programs of an organisation."""
    who = Actor(f"{member}/test", "Test", Role.SYSTEM, MemberId(member))
    return Access(who, Purpose.RECORD_MANAGEMENT)


def as_patient(transport_id: TransportId) -> Access:
    """A patient who looks at what is kept about them."""
    return Access(
        Actor("netzwerk/patient", "Eine Patientin", Role.PATIENT, NETWORK),
        Purpose.PATIENT_REQUEST,
        transport_id,
    )


def in_process(site: OpenSite, path: str = "") -> httpx.AsyncClient:
    """HTTP to the site without a network."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=site.app, raise_app_exceptions=False),
        base_url=f"http://{site.member}.internal{path}",
        timeout=60,
    )
