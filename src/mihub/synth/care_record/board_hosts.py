"""The boards of the region by their host: id, name, weekday. The catalogue is `content/board/boards.yaml`.

A test holds this table against the catalogue. Neighbours: `board`, `board_registration`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoardHost:
    """One board. `weekday` counts from Monday = 0."""

    id: str
    name: str
    weekday: int


BOARDS = {
    "dresden": BoardHost("lung-dresden", "Lungenboard Elbaue", 3),
    "chemnitz": BoardHost("gi-chemnitz", "Interdisziplinäres Board Erzgebirgsblick", 1),
    "cottbus": BoardHost("breast-cottbus", "Interdisziplinäres Board Spreewald", 2),
}
