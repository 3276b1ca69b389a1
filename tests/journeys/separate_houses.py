"""A region as an operator makes it: every house a process of its own, made and served by the real command line.

Never reaches into a house but through its command, its HTTP address or its own folder. Above: `test_processes`.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import pytest

from mihub.core.policy import assertion
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.core.wire import keyfile
from mihub.core.wire.members import MemberList, verify_list
from mihub.portals.research.asker import Asker, QuestionStatus

PROJECT = "lung-demo"
SITES = ("chemnitz", "cottbus")
PEOPLE = 300
RESEARCHER = Access(
    Actor("researcher", "Researcher", Role.RESEARCHER, MemberId("netzwerk")), Purpose.RESEARCH
)
CARE = Access(Actor("doctor", "Doctor", Role.ONCOLOGIST, MemberId("netzwerk")), Purpose.TREATMENT)
_ADDRESS = re.compile(r" at (http://[0-9.]+:[0-9]+)")


class House:
    """A process that serves until it is told to stop."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mihub", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._told = threading.Event()
        self._url = ""
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def url(self) -> str:
        """The printed address; fails with what the process said when there is none."""
        if not self._told.wait(180) or not self._url:
            pytest.fail(f"No address was printed: {' '.join(self.lines[-3:])}")
        return self._url

    def stop(self, how: int) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=90)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.strip())
            found = _ADDRESS.search(line)
            if found:
                self._url = found[1]
                self._told.set()
        self._told.set()


def mihub(*arguments: str, code: int = 0) -> str:
    """One command to its end; standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "mihub", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == code, f"{arguments[:2]}: {done.stderr[-600:]}"
    return done.stdout


def together(*commands: Sequence[str]) -> None:
    """Commands of different folders, side by side."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: mihub(*one), commands))


@dataclass
class Houses:
    """Hub, trust centre and two sites, with the folder of each."""

    root: Path
    running: dict[str, House] = field(default_factory=dict)

    def folder(self, name: str) -> str:
        return str(self.root / name)

    def make(self) -> None:
        """The commands of docs/how-to/run-separate-processes.md, in their order."""
        hub, trust, network = self.folder("hub"), self.folder("trust"), self.folder("netzwerk")
        together(
            ["hub", "init", hub],
            ["trust", "init", trust],
            ["site", "init", network, "--member", "netzwerk", "--kind", "care-record"],
            ["synth", self.folder("synthetic"), "--people", str(PEOPLE)],
        )
        self.enrol("trust", "--duty", "trust")
        self.enrol("netzwerk", "--duty", "portal", "--duty", "record")
        mihub("hub", "project", PROJECT, "--hub", hub, "--title", "Lung cancer, feasibility")
        self.join("trust", "trust")
        self.serve("hub", "hub")
        self.serve("trust", "trust")
        urls = ["--hub-url", self.running["hub"].url, "--trust-url", self.running["trust"].url]
        together(*(["site", "init", self.folder(site), "--member", site, *urls] for site in SITES))
        for site in SITES:
            self.enrol(site)
        self.join("trust", "trust")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._let_in, SITES))

    def _let_in(self, site: str) -> None:
        self.join("site", site, "--linkage-key", self.folder("hub/linkage.key"))
        public = self.folder(f"hub/{PROJECT}-public.json")
        mihub("site", "allow", "--site", self.folder(site), public, "--until", "2099-12-31")
        mihub("site", "import", "--site", self.folder(site), self.folder(f"synthetic/{site}"))
        self.serve("site", site)

    def enrol(self, member: str, *duties: str) -> None:
        mihub("hub", "enrol", "--hub", self.folder("hub"), self.folder(f"{member}/member.json"), *duties)

    def join(self, role: str, name: str, *more: str) -> None:
        hub = self.root / "hub"
        listed = ["--members", str(hub / "members.jws"), "--registry", str(hub / "registry-public.json")]
        mihub(role, "join", f"--{role}", self.folder(name), *listed, *more)

    def serve(self, role: str, name: str) -> House:
        house = House([role, "serve", f"--{role}", self.folder(name), "--port", "0"])
        self.running[name] = house
        return house

    def close(self) -> None:
        """All at once; those that are gone already stay so."""
        for house in self.running.values():
            if house.process.poll() is None:
                house.process.send_signal(signal.SIGTERM)
        for house in self.running.values():
            try:
                house.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                house.process.kill()
                house.process.wait()

    def members(self) -> MemberList:
        hub = self.root / "hub"
        registry = keyfile.load(hub / "registry.json").public()
        return verify_list((hub / "members.jws").read_text().strip(), registry, now_seconds=int(time.time()))

    def bearer(self, access: Access, audience: MemberId) -> str:
        key = keyfile.load(self.root / "netzwerk" / "keys.json").signing_key()
        return assertion.sign(
            access, issuer=MemberId("netzwerk"), audience=audience, key=key, now_seconds=int(time.time())
        )

    def asker(self, client: httpx.AsyncClient) -> Asker:
        """The researchers' portal, which holds the project's private key."""
        return Asker(
            client=client,
            sender=keyfile.load(self.root / "netzwerk" / "keys.json"),
            projects={PROJECT: keyfile.load(self.root / "hub" / f"{PROJECT}.json")},
            members=self.members,
            bearer=self.bearer,
        )

    async def ask(self, question: Mapping[str, object]) -> str:
        async with httpx.AsyncClient(base_url=self.running["hub"].url) as client:
            return await self.asker(client).ask(dict(question), PROJECT, RESEARCHER)

    async def status(self, question: str) -> QuestionStatus:
        async with httpx.AsyncClient(base_url=self.running["hub"].url) as client:
            return await self.asker(client).status(question, RESEARCHER)

    def count(self, site: str, question: Path) -> dict[str, object]:
        """What the site's own engineer sees."""
        found: dict[str, object] = orjson.loads(
            mihub("site", "count", "--site", self.folder(site), str(question), "--json")
        )
        return found


__all__ = ["CARE", "PROJECT", "SITES", "House", "Houses", "mihub"]
