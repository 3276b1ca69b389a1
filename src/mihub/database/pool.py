"""Connections to one database, shared by the threads of one process.

Every connection speaks UTC and plans each query for its own values: generic plans made searches by code and
date 4.5 times slower when measured. Transactions are explicit (`with connection.transaction():`), single
statements commit.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg_pool import ConnectionPool

from mihub.database.faults import translated

Connection = psycopg.Connection[tuple[Any, ...]]
Pool = ConnectionPool[Connection]

_OPTIONS = "-c plan_cache_mode=force_custom_plan -c timezone=UTC"


# A connection that answered a moment ago is taken without asking; asking costs as much as reading a resource.
_TRUSTED_SECONDS = 1.0
_answered: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()


def _check(connection: Connection) -> None:
    """Ask a connection that has rested whether its server is still there. Raises when it is not."""
    now = time.monotonic()
    if now - _answered.get(connection, 0.0) > _TRUSTED_SECONDS:
        ConnectionPool.check_connection(connection)
    _answered[connection] = now


def open_pool(url: str, *, max_size: int = 8, wait_seconds: float = 15.0) -> Pool:
    """An open pool that has reached the database once. Raises `Unavailable` when it can not.

    A request waits up to `wait_seconds` for a free connection and then fails with `Unavailable` (inside
    `translated`).
    """
    pool: Pool = ConnectionPool(
        url,
        kwargs={"autocommit": True, "options": _OPTIONS, "connect_timeout": 10},
        min_size=1,
        max_size=max_size,
        max_idle=60.0,
        timeout=wait_seconds,
        check=_check,
        open=False,
    )
    with translated():
        pool.open(wait=False)
        try:
            pool.wait(timeout=wait_seconds)
        except BaseException:
            pool.close()
            raise
    return pool
