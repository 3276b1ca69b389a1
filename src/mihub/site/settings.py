"""Everything that can be set at one site, read once by `apps` and passed down. A test compares it with the
docs.

Each key is one line in site.toml; paths are relative to the site's folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mihub.core.policy.actor import MemberId


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The settings of one site; only `member` and `data_dir` have no default."""

    member: MemberId
    """The id of this organisation in the region's list of members."""
    data_dir: Path
    """The folder of this site: keys, secret, and the PostgreSQL that pip brings."""
    name: str = ""
    """The organisation's name as people read it."""
    kind: str = "hospital"
    """What it is to people: hospital, university-hospital, practice, radiology-practice, care-record."""
    database_url: str | None = None
    """A PostgreSQL of your own (15 or newer); without it the one that pip brings is started in `data_dir`."""
    database_connections: int = 8
    """At most so many connections to the database."""
    workers: int = 1
    """Processes that answer requests; one of them also follows the record, exchanges letters and works on exports."""
    host: str = "127.0.0.1"
    """The address to listen on; TLS ends at a proxy in front."""
    port: int = 8100
    """The port to listen on; 0 takes a free one."""
    base_url: str = ""
    """How others reach the FHIR API, e.g. https://fhir.example.org/fhir; "" answers as it was asked."""
    hub_url: str | None = None
    """The hub that carries questions; without it the site stands alone."""
    trust_url: str | None = None
    """The trust centre that links identities."""
    members_file: str = "members.jws"
    """The region's list of members, signed by the registry."""
    registry_file: str = "registry-public.json"
    """The registry's public key, given at enrolment."""
    keys_file: str = "keys.json"
    """This organisation's private keys (mode 0600)."""
    time_zone: str = "Europe/Berlin"
    """Where a date without a zone is meant."""
    max_body_bytes: int = 64 * 1024 * 1024
    """The largest request body."""
    max_json_depth: int = 100
    """The deepest JSON in a request."""
    max_bundle_entries: int = 10_000
    """The most entries in one batch or transaction."""
    page_size: int = 50
    """Resources on a page of results when a search does not say."""
    max_page_size: int = 1000
    """The most resources on a page of results."""
    validation: str = "warn"
    """What validation does with what is written: off, warn or reject, and by type: "warn, Patient=reject, Observation=off"."""
    export_quota_bytes: int = 100 * 1024**3
    """The most bytes that the bulk exports which are kept may take together."""
    import_dir: str = "import"
    """The folder from which $import may read; nothing outside of it is read by a request."""
    terminology_url: str = ""
    """A terminology server (its FHIR base) that is asked about codes no loaded list knows; "" asks nobody."""
    subscription_hosts: str = ""
    """Where notifications of Subscriptions may be sent: "host, host:port"; "" sends none (websockets work)."""
