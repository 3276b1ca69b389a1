"""`mihub demo`: the region on this machine with synthetic people, and `--check`, which walks it as its users would.

Demo sign-ins exist only here: no real site or portal can switch them on. Below: `region`, `check`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from mihub.apps import console
from mihub.apps.region import DemoSettings, OpenRegion, open_region
from mihub.apps.serve import Background, address, bind, until_stopped
from mihub.errors import ConfigurationError

_STAGES = {"synth": "Writing synthetic people", "import": "Loading the sites", "link": "Linking records"}
NEW = Path()


def settings(*, data: Path | None, people: int, seed: int) -> DemoSettings:
    """An empty `data_dir` means: a temporary folder, removed at the end."""
    if data is not None and data.exists() and any(data.iterdir()):
        raise ConfigurationError(
            f"The folder {data} is not empty.",
            rule="a demo starts anew",
            next_step="Name a new folder with --data, or leave it out.",
        )
    return DemoSettings(data_dir=data or NEW, people=people, seed=seed, today=date.today())


@contextmanager
def started(wanted: DemoSettings, *, quiet: bool = False) -> Iterator[tuple[OpenRegion, float]]:
    """The open region and the seconds it took."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mihub-demo-", ignore_cleanup_errors=True) as temporary:
        if wanted.data_dir == NEW:
            # The database's own account must be able to reach its files below.
            os.chmod(temporary, 0o711)  # noqa: S103  # passing through, not reading
            wanted = replace(wanted, data_dir=Path(temporary))
        with ExitStack() as stack:
            with console.progress(_STAGES["synth"], quiet=quiet) as step:
                region = stack.enter_context(
                    open_region(wanted, lambda stage, done, total: step(done, total, _STAGES[stage]))
                )
            yield region, time.perf_counter() - begin


def serve(wanted: DemoSettings, *, port: int, as_json: bool) -> None:
    """Until stopped."""
    sock = bind("127.0.0.1", port)
    console.say(f"Starting the region with {wanted.people} synthetic people (seed {wanted.seed}) ...")
    with started(wanted, quiet=as_json) as (region, seconds):
        if as_json:
            console.json_line(
                {"url": address(sock), "seconds": round(seconds, 1), "sites": len(region.sites)}
            )
        console.say(f"Ready after {seconds:.0f} s: open {address(sock)}/ in a browser. Stop with Ctrl-C.")
        until_stopped(region.app, sock)


def check(wanted: DemoSettings, *, as_json: bool) -> int:
    """Walk the six stories over HTTP on a free port; the exit code is 1 when one failed."""
    from mihub.apps.check import walk

    with (
        started(wanted, quiet=as_json) as (region, _),
        Background(region.app, bind("127.0.0.1", 0)) as served,
    ):
        results = walk(served.url, region)
    failed = [result for result in results if not result.passed]
    for result in results:
        if not as_json:
            console.out.print(
                f"{'ok  ' if result.passed else 'FAIL'} {result.story}{'' if result.passed else ': ' + result.reason}",
                markup=False,
            )
    if as_json:
        console.json_line(
            {
                "passed": len(results) - len(failed),
                "failed": len(failed),
                "reasons": {one.story: one.reason for one in failed},
            }
        )
    else:
        console.out.print(f"{len(results) - len(failed)} passed, {len(failed)} failed", markup=False)
    return 1 if failed else 0
