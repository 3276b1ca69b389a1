"""What `mihub bench store` measures on: a region of one site and one portal, made as operators make it, and synthetic people.

The site runs as its own process (`mihub site serve`), so that its CPU and memory can be told from those of the clients. Above:
`store`. Below: `apps`.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

from mihub.apps import network
from mihub.apps import site as app_site
from mihub.apps.bench.measure import processes, pss_mb
from mihub.core.policy import assertion
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.core.wire import keyfile
from mihub.errors import Unavailable

SITE, PORTAL = MemberId("bench"), MemberId("portal")
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LOINC = "http://loinc.org"
ICD = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
_START_SECONDS = 120


@dataclass
class World:
    """A folder with a site, and a way to ask it in the name of a program of the site."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @classmethod
    def make(cls, folder: Path) -> World:
        """Hub (for the list of members alone), portal and site."""
        hub, portal, site = folder / "hub", folder / "portal", folder / "site"
        network.init_hub(hub, "bench")
        for place, member in ((portal, PORTAL), (site, SITE)):
            app_site.init(
                place, member=member, name=member, kind="hospital", hub_url="", trust_url="", as_json=True
            )
            duties = ["portal"] if member == PORTAL else ["site"]
            network.enrol(
                hub, place / "member.json", name=member, kind="hospital", duties=duties, registry_key=None
            )
        network.join(site, hub / "members.jws", hub / "registry-public.json", linkage_key=None)
        return cls(folder)

    @property
    def site(self) -> Path:
        """The site's folder."""
        return self.folder / "site"

    def set(self, key: str, value: Any) -> None:
        """A setting of the site."""
        path = self.site / "site.toml"
        kept = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} =")]
        path.write_text("\n".join([*kept, f"{key} = {orjson.dumps(value).decode()}", ""]))

    def start(self) -> float:
        """Serve; the seconds until the first answer."""
        self.port = _free_port()
        begin = time.perf_counter()
        self.process = subprocess.Popen(  # noqa: S603  # our own program, no shell
            [sys.executable, "-m", "mihub", "site", "serve", "--site", str(self.site), "--port", str(self.port)],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        while time.perf_counter() - begin < _START_SECONDS:
            try:
                # Any answer will do: a read needs database, door and index.
                httpx.get(f"http://127.0.0.1:{self.port}/fhir/Patient/none", headers=self.headers())
                return time.perf_counter() - begin
            except httpx.TransportError:
                time.sleep(0.02)
        raise Unavailable(
            "The measured site did not start.",
            next_step="Run mihub site serve in its folder and read what it says.",
        )

    def stop(self) -> None:
        """End the process that serves."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            self.process = None

    def headers(self) -> dict[str, str]:
        """The statement of the portal about one of the site's own programs."""
        who = Access(Actor("bench", "Bench", Role.SYSTEM, SITE), Purpose.RECORD_MANAGEMENT)
        key = keyfile.load(self.folder / "portal" / "keys.json").signing_key()
        token = assertion.sign(who, issuer=PORTAL, audience=SITE, key=key, now_seconds=int(time.time()))
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}

    def cpu_seconds(self) -> float:
        """CPU of the site's processes and of its database so far, in seconds."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            # A process's own time, and that of its children which have ended.
            ticks += sum(int(fields[number]) for number in (11, 12, 13, 14))
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Memory of the site's processes and of its database; shared pages counted once."""
        return sum(pss_mb(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        own = [self.process.pid] if self.process is not None else []
        postmaster = int((self.site / "pg" / "postmaster.pid").read_text().split()[0])
        return [pid for root in (*own, postmaster) for pid in processes(root)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def people(count: int, *, seed: int = 1, start: int = 0) -> Iterator[list[dict[str, Any]]]:
    """Seven resources a person: Patient, Encounter, Condition, four Observations; codes are skewed as in reality."""
    dice = random.Random(seed)  # noqa: S311  # synthetic people, no secret
    for number in range(start, start + count):
        yield _person(f"b{number}", dice)


def _person(key: str, dice: random.Random) -> list[dict[str, Any]]:
    born = date(1930, 1, 1) + timedelta(days=dice.randrange(30_000))
    subject = {"reference": f"Patient/{key}"}
    seen = date(2015, 1, 1) + timedelta(days=dice.randrange(3650))
    return [
        {
            "resourceType": "Patient", "id": key, "gender": dice.choice(["female", "male"]), "birthDate": born.isoformat(),
            "identifier": [{"system": "https://bench.example/mr", "value": key}],
            "name": [{"family": f"Family{dice.randrange(3000)}", "given": [f"Given{dice.randrange(400)}"]}],
            "address": [{"city": f"City{dice.randrange(200)}", "postalCode": f"{dice.randrange(1000, 99999):05d}"}],
        },
        {
            "resourceType": "Encounter", "id": f"{key}-e", "status": "finished", "subject": subject,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "period": {"start": seen.isoformat(), "end": seen.isoformat()},
        },
        {
            "resourceType": "Condition", "id": f"{key}-c", "subject": subject, "recordedDate": seen.isoformat(),
            "code": {"coding": [{"system": ICD, "code": f"C{dice.randrange(50):02d}", "display": "Malignant neoplasm"}]},
            "encounter": {"reference": f"Encounter/{key}-e"},
        },
        *(_observation(f"{key}-o{number}", key, subject, dice) for number in range(4)),
    ]  # fmt: skip


def _observation(key: str, patient: str, subject: dict[str, str], dice: random.Random) -> dict[str, Any]:
    code = min(int(dice.expovariate(0.3)), 19)
    seen = date(2015, 1, 1) + timedelta(days=dice.randrange(3650))
    return {
        "resourceType": "Observation", "id": key, "status": "final", "subject": subject,
        "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC, "code": f"{1000 + code}-{code % 10}", "display": f"Analyte {code}"}]},
        "encounter": {"reference": f"Encounter/{patient}-e"},
        "effectiveDateTime": f"{seen.isoformat()}T08:{dice.randrange(60):02d}:00+01:00",
        "valueQuantity": {
            "value": round(dice.uniform(1, 200), 1), "unit": "mg/dl", "system": "http://unitsofmeasure.org", "code": "mg/dL",
        },
    }  # fmt: skip


def transaction(resources: list[dict[str, Any]]) -> bytes:
    """One person as a transaction in which everything refers by `urn:uuid`."""
    urls = {f"{one['resourceType']}/{one['id']}": f"urn:uuid:{one['id']}" for one in resources}

    def linked(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: urls.get(inner, inner) if name == "reference" else linked(inner)
                for name, inner in value.items()
            }
        return [linked(inner) for inner in value] if isinstance(value, list) else value

    entries = [
        {
            "fullUrl": f"urn:uuid:{one['id']}",
            "resource": {name: linked(value) for name, value in one.items() if name != "id"},
            "request": {"method": "POST", "url": one["resourceType"]},
        }
        for one in resources
    ]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
