"""How the command line speaks: progress while it works, one sentence when it fails, one JSON line for machines.

Standard output carries results, standard error everything else, so that `--json` can be piped. Above: every command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from mihub.errors import MihubError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

# Called with what is done and what there is to do.
Step = Callable[[int, int], None]


def json_line(value: Any) -> None:
    """Print one JSON object on one line of standard output."""
    sys.stdout.write(orjson.dumps(value).decode() + "\n")


def say(text: str) -> None:
    """One line for the person at the keyboard, on standard error."""
    err.print(text, markup=False)


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Step]:
    """A bar that advances by calls of the yielded function; silent when `quiet` or when nobody watches."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def run(command: Callable[[], Any]) -> int:
    """Run the command line and turn what went wrong into one sentence and an exit code (docs/reference/errors.md)."""
    try:
        command()
    except MihubError as error:
        say(f"mihub: {error}")
        return error.exit_code
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        say("mihub: stopped.")
        return 130
    except OSError as error:
        say(
            f"mihub: the system refused: {os.strerror(error.errno or 0)}. Next: check the path, its rights and free space."
        )
        return 74
    except Exception as error:
        if os.environ.get("MIHUB_DEBUG"):
            raise
        say(
            f"mihub: an unexpected fault ({type(error).__name__}) stopped this command; nothing half-done was acknowledged. "
            "Next: run it again with MIHUB_DEBUG=1 and send the trace without patient data."
        )
        return 70
    return 0
