"""kill -9 in the middle of delivering: every acknowledged change is told, in order, and what is told twice has one number."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mihub.database.embedded import Embedded
from tests.store_record import database_folder
from tests.subscriber import Receiver, receiver

_ROOT = Path(__file__).resolve().parents[2]

_PROGRAM = """
import asyncio, sys, threading, time
from pathlib import Path
import httpx
from mihub import log
from mihub.core.policy.actor import *
from mihub.site.settings import SiteSettings
from mihub.site.site import Site
from mihub.site.store.protocol import Put
from tests.subscriber import QUICK, subscription
log.configure()
folder, port, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
hosts = f"127.0.0.1:{port}"
site = Site.open(SiteSettings(member=MemberId("chemnitz"), data_dir=Path(folder), subscription_hosts=hosts), dict)
who = Access(Actor("w", "W", Role.SYSTEM, MemberId("chemnitz")), Purpose.RECORD_MANAGEMENT)
room = site.subscriptions
async def work():
    async with httpx.AsyncClient() as client:
        await room.dispatcher(client, QUICK).run()
if first == 0:
    site.store.write([Put(subscription("s", f"http://{hosts}/hook", topic="Basic", max_count=3, timeout=1))], who)
threading.Thread(target=asyncio.run, args=(work(),), daemon=True).start()
for number in range(first, last):
    site.store.write([Put({"resourceType": "Basic", "id": f"b{number}", "code": {"text": "x"}})], who)
    print(number, flush=True)
time.sleep(60)
"""


def _start(folder: Path, hook: Receiver, first: int, last: int) -> subprocess.Popen[str]:
    arguments = [str(folder), str(hook.port), str(first), str(last)]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, cwd=_ROOT
    )


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=(pytest.mark.soak, pytest.mark.timeout(1800)))])
def test_nothing_is_lost_by_kill_9(kills: int) -> None:
    chance = random.Random(7)
    with database_folder() as folder, receiver() as hook:
        # Some deliveries are taken by the endpoint and never answered, which is when a kill hurts most.
        hook.behave = lambda number: "reset" if number % 7 == 0 else 200
        first = 0
        for _ in range(kills):
            program = _start(folder, hook, first, first + 100_000)
            assert program.stdout is not None
            acknowledged = [int(program.stdout.readline()) for _ in range(30)]
            time.sleep(chance.uniform(0.0, 0.6))
            program.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in program.stdout.read().split()]
            program.wait()
            first = acknowledged[-1] + 2  # the one that was under way may be there, or not
        program = _start(folder, hook, first, first + 1)
        try:
            end = time.monotonic() + 60
            while f"Basic/b{first}" not in hook.focuses():
                assert time.monotonic() < end, "the last change was not told"
                assert program.poll() is None
                time.sleep(0.1)
        finally:
            program.kill()
            program.wait()
            Embedded.start(folder / "pg").stop()
    told = [event for one in hook.of("event-notification") for event in one["events"]]
    by_number: dict[int, set[str]] = {}
    for event in told:
        by_number.setdefault(event["number"], set()).add(event["focus"])
    assert sorted(by_number) == list(range(1, max(by_number) + 1)), "no number is missing"
    assert all(len(focuses) == 1 for focuses in by_number.values()), "a number means one event"
    in_order = [next(iter(by_number[number])) for number in sorted(by_number)]
    assert len(set(in_order)) == len(in_order), "a change has one number"
    numbers = [int(focus.removeprefix("Basic/b")) for focus in in_order]
    assert numbers == sorted(numbers)
    missing = set(range(first + 1)) - set(numbers)
    # Of each kill at most the one change that was not acknowledged.
    assert len(missing) <= kills, missing
    firsts = list(dict.fromkeys(event["number"] for event in told))
    assert firsts == sorted(firsts), "new events arrive in order"
