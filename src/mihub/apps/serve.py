"""Serve one web application on loopback (or the operator's address) until it is asked to stop.

The socket is bound before anything is announced, so that a printed address is one that answers. TLS ends at the operator's
proxy (docs/how-to/run-separate-processes.md). Source: uvicorn.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from mihub.errors import ConfigurationError


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; `port` 0 takes a free one. Raises `ConfigurationError` when the port is taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        raise ConfigurationError(
            f"The address {host}:{port} can not be used.",
            rule="one program per port, 0 to 65535",
            next_step="Choose another with --port, or --port 0 for a free one.",
        ) from error
    sock.listen(256)
    return sock


def address(sock: socket.socket) -> str:
    """The URL under which a bound socket answers."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: ASGIApp) -> uvicorn.Server:
    # No access log: a URL may hold a search value, and a log never holds a patient value.
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            lifespan="on",
        )
    )


def until_stopped(app: ASGIApp, sock: socket.socket) -> None:
    """Serve in this thread until SIGINT or SIGTERM; then return, so that the caller closes what it opened."""
    # uvicorn raises the signal once more when it has stopped serving; the one that asked is answered by then.
    with contextlib.suppress(_Asked):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _asked)
        asyncio.run(_server(app).serve(sockets=[sock]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class _Asked(BaseException):
    """Somebody asked this process to stop; not an `Exception`, so that no handler takes it for a fault."""


def _asked(*_: object) -> None:
    raise _Asked


class Background:
    """Serve in a thread of its own; for the demo's check, the bench and tests."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        self.url = address(sock)
        self._server = _server(app)
        serve: Callable[[], None] = lambda: asyncio.run(self._server.serve(sockets=[sock]))  # noqa: E731
        self._thread = threading.Thread(target=serve, name="mihub-serve", daemon=True)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=15)
