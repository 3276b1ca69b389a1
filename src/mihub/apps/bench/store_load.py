"""Load for `mihub bench store`: client processes with plain sockets, each waiting for its answer before it asks again.

A client costs a few dozen microseconds a request, because it shares the machine with what it measures. Above: `store`.
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: answers a second, milliseconds of the middle one and of the slowest twentieth, and refusals."""

    count: int
    seconds: float
    p50_ms: float
    p95_ms: float
    failed: int

    @property
    def per_second(self) -> float:
        """Answers a second, all clients together."""
        return self.count / self.seconds


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: bench",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def run(port: int, requests: Sequence[bytes], clients: int) -> Load:
    """Share the requests among so many processes and wait for all of them."""
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    ready = context.Barrier(clients + 1)
    shares = [requests[number::clients] for number in range(clients)]
    workers = [
        context.Process(target=_client, args=(port, share, ready, results), daemon=True) for share in shares
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    begin = time.perf_counter()
    parts = [results.get() for _ in workers]
    seconds = time.perf_counter() - begin
    for worker in workers:
        worker.join()
    took = sorted(one for part, _ in parts for one in part)
    return Load(len(took), seconds, _at(took, 0.5), _at(took, 0.95), sum(failed for _, failed in parts))


def _at(ordered: Sequence[float], share: float) -> float:
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0


def _client(port: int, requests: Iterable[bytes], ready: Any, results: Any) -> None:
    took, failed = [], 0
    ready.wait()
    connection = _connected(port)
    for one in requests:
        begin = time.perf_counter()
        try:
            connection.sendall(one)
            good = _answer(connection)
        except OSError:
            good = False
            connection = _connected(port)
        failed += not good
        took.append(time.perf_counter() - begin)
    connection.close()
    results.put((took, failed))


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _answer(connection: socket.socket) -> bool:
    """Read one whole answer; was it a good one?"""
    data = _received(connection)
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    left = length - len(body)
    while left > 0:
        left -= len(_received(connection))
    return head[9:10] == b"2"


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError
    return data
