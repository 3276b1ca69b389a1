"""Serve one web application on loopback (or the operator's address) until it is asked to stop.

The socket is bound before anything is announced, so that a printed address is one that answers. TLS ends at the operator's
proxy (docs/how-to/run-separate-processes.md). Source: uvicorn.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from mihub.errors import ConfigurationError


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; `port` 0 takes a free one. Raises `ConfigurationError` when the port is taken."""
    # The protocol is named because asyncio sends small answers at once (TCP_NODELAY) only on such a socket; without it each
    # answer on a kept connection waited 40 ms for the client's acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
            # What a websocket's client says is a word and a token; nobody fills our memory before they have shown one.
            ws_max_size=64 * 1024,
            lifespan="on",
        )
    )


def _run(server: uvicorn.Server, sock: socket.socket) -> None:
    # uvloop where there is one, as uvicorn itself would choose; asyncio.run alone would not.
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[sock]))


def until_stopped(app: ASGIApp, sock: socket.socket, told: Callable[[], None] | None = None) -> None:
    """Serve in this thread until SIGINT or SIGTERM; then return, so that the caller closes what it opened.

    `told` is called when a signal already stops the server in good order: who reads the address may stop it at once.
    """
    server = _server(app)

    def asked(*_: object) -> None:
        # A flag and no exception: raised while the event loop starts, one could be swallowed and the server never stop.
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
    if told is not None:
        told()
    # uvicorn raises the signal once more when it has stopped serving; the one that asked is answered by then.
    _run(server, sock)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class Background:
    """Serve in a thread of its own; for the demo's check, the bench and tests."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        self.url = address(sock)
        self._server = _server(app)
        self._thread = threading.Thread(
            target=_run, args=(self._server, sock), name="mihub-serve", daemon=True
        )

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=15)
