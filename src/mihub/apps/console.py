"""How the command line speaks: progress while it works, one sentence when it fails, one JSON line for machines.

Standard output carries results, standard error everything else, so that `--json` can be piped. Above: every command.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import orjson
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from mihub import log
from mihub.errors import MihubError, StorageFull

USAGE_EXIT_CODE = 64
# What typer raises for a wrong word, option or value; its public name is only that of the most special one.
_WRONG_WORDS: tuple[type[Exception], ...] = tuple(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Step(Protocol):
    """Called with what is done, what there is to do and, when it changes, what it is called."""

    def __call__(self, done: int, total: int, title: str = "") -> None: ...


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

        def step(done: int, total: int, title: str = "") -> None:
            bar.update(task, completed=done, total=total or None, description=title or None)

        yield step


def run(command: Callable[[], Any]) -> int:
    """Run the command line and turn what went wrong into one sentence and an exit code (docs/reference/errors.md)."""
    log.configure()
    # A stop by the service manager closes databases and temporary folders as Ctrl-C does.
    signal.signal(signal.SIGTERM, _terminated)
    # Without a handler Python writes warnings of the database's pool between our lines; the error says it once.
    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
    try:
        command()
    except MihubError as error:
        say(f"mihub: {error}")
        return error.exit_code
    except typer.Abort:
        say("mihub: stopped.")
        return 130
    except _WRONG_WORDS as error:
        return _usage(error)
    except BrokenPipeError:
        return _reader_left()
    except KeyboardInterrupt:
        say("mihub: stopped.")
        return 130
    except OSError as error:
        return _system_refused(error)
    except Exception as error:
        if os.environ.get("MIHUB_DEBUG"):
            raise
        say(
            f"mihub: an unexpected fault ({type(error).__name__}) stopped this command; nothing half-done was acknowledged. "
            "Next: run it again with MIHUB_DEBUG=1 and send the trace without patient data."
        )
        return 70
    return 0


def _terminated(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _usage(error: Exception) -> int:
    """A wrong command line. Without any word typer has shown the help already."""
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "mihub")
    message = str(getattr(error, "format_message", lambda: "")()).rstrip(".") + "."
    if type(error).__name__ != "NoArgsIsHelpError":
        say(f"mihub: {message} Next: {path} --help")
    return USAGE_EXIT_CODE


def _reader_left() -> int:
    """`mihub ... | head`: what is still buffered has nowhere to go, and Python shall not complain about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _system_refused(error: OSError) -> int:
    if error.errno in _NO_ROOM:
        say("mihub: The disk is full; nothing was half-written. Next: Make room, then run the command again.")
        return StorageFull.exit_code
    where = f" Where: {error.filename}." if isinstance(error.filename, str) else ""
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    say(f"mihub: The system refused: {reason}.{where} Next: Check the path and its rights.")
    return 74
