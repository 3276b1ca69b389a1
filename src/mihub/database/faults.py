"""What the database says, in our words: the one table from driver errors to `mihub.errors`.

The driver's own text may quote a row, so it never reaches our message; it stays the cause for a debugger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import psycopg_pool

from mihub.errors import Conflict, InvalidInput, MihubError, StorageFull, Unavailable

_NO_ROOM = (
    StorageFull,
    "The disk of the database is full; nothing was written.",
    "Free disk space, then try again.",
)
_NO_ANSWER = (
    Unavailable,
    "The database does not answer.",
    "Try again in a moment; if it stays, the operator checks it.",
)
_TOO_BUSY = Unavailable, "The database is busy with other requests.", "Try again in a moment."
_RACED = Conflict, "Somebody else changed the same thing at the same time; nothing was written.", "Try again."
_BAD_VALUE = (
    InvalidInput,
    "A value can not be stored, for example because of a NUL character.",
    "Correct the input.",
)

_TABLE: tuple[tuple[type[Exception], tuple[type[MihubError], str, str]], ...] = (
    (psycopg.errors.DiskFull, _NO_ROOM),
    (psycopg.errors.OutOfMemory, _TOO_BUSY),
    (psycopg.errors.TooManyConnections, _TOO_BUSY),
    (psycopg_pool.PoolTimeout, _TOO_BUSY),
    (psycopg_pool.TooManyRequests, _TOO_BUSY),
    (psycopg.errors.QueryCanceled, _TOO_BUSY),
    (psycopg_pool.PoolClosed, _NO_ANSWER),
    (psycopg.errors.SerializationFailure, _RACED),
    (psycopg.errors.DeadlockDetected, _RACED),
    (psycopg.errors.UniqueViolation, _RACED),
    (psycopg.DataError, _BAD_VALUE),
    # Connection loss and everything of PostgreSQL's class 57 and 58 arrive as OperationalError.
    (psycopg.OperationalError, _NO_ANSWER),
    (psycopg.InterfaceError, _NO_ANSWER),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of the database as those of `mihub.errors`. A fault of our own SQL is not hidden."""
    try:
        yield
    except (
        psycopg.Error,
        psycopg_pool.PoolTimeout,
        psycopg_pool.TooManyRequests,
        psycopg_pool.PoolClosed,
    ) as error:
        for kind, (ours, what, next_step) in _TABLE:
            if isinstance(error, kind):
                raise ours(what, next_step=next_step) from error
        raise
