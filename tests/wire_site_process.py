"""A site's agent as a process of its own: `python -m tests.wire_site_process CONFIG.json`. Killable at
a marked place."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import orjson

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire import keyfile
from mihub.core.wire.keys import PublicKeys
from mihub.core.wire.task import Allowance, Task
from mihub.database.pool import Connection, open_pool
from mihub.site.mailbox.agent import Agent
from mihub.site.mailbox.handlers import answer_feasibility
from mihub.site.mailbox.mailbox import Mailbox
from tests.wire_world import counting


def main(config: Json) -> None:
    """Serve until killed. `dies_once`: a file; while it exists the handler removes it and the process
    kills itself."""
    keys = keyfile.load(Path(config["keys"]))
    answer = answer_feasibility(counting(config["count"], keys.owner), MemberId(keys.owner))

    def handle(task: Task, allowance: Allowance, connection: Connection) -> Json:
        connection.execute("INSERT INTO effect (question) VALUES (%s)", (task.body["id"],))
        told = answer(task, allowance, connection)
        dies_once = Path(config["dies_once"])
        if dies_once.exists():
            dies_once.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return told

    async def serve() -> None:
        pool = open_pool(config["database"], max_size=3)
        mailbox = Mailbox.open(
            pool,
            keys=keys,
            registry=PublicKeys.from_json(config["registry"]),
            handlers={"feasibility": handle},
        )
        async with httpx.AsyncClient(base_url=config["hub"]) as client:
            await Agent(mailbox, client, wait_seconds=5).run()

    asyncio.run(serve())


if __name__ == "__main__":
    main(orjson.loads(Path(sys.argv[1]).read_bytes()))
