"""What every test may ask for: the shared fixtures beside the project, and the promise that nothing leaves the machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_connect = socket.socket.connect


class LeftTheMachine(AssertionError):
    """A test tried to reach an address that is not on this machine."""


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0])
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Every connection of the test run stays on the loopback interface."""

    def guarded(self: socket.socket, address: object) -> object:
        if not _is_local(address):
            raise LeftTheMachine(
                "A test tried to leave the machine; nothing is fetched from the internet at run time."
            )
        return _connect(self, address)  # type: ignore[arg-type]  # the address is passed on as it came

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Other people's fixtures, beside the checkout or where MIHUB_SHARED says; skips when they are absent."""
    for place in (os.environ.get("MIHUB_SHARED"), _ROOT.parent / "shared"):
        if place and Path(place).is_dir():
            return Path(place)
    pytest.skip("needs the shared fixtures beside the checkout (MIHUB_SHARED)")
