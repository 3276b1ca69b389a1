"""The projects that questions may be asked for, and by whom. Sites decide on their own; this is the hub's
half.

Below: `database`. Above: `hub.api`, `hub.feasibility`; `apps` puts projects in.
"""

from __future__ import annotations

from dataclasses import dataclass

from mihub.core.policy.actor import Access, Purpose, Role
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Project:
    """`askers`: ids of the people who may ask; empty means every researcher of the region."""

    id: str
    title: str
    askers: tuple[str, ...] = ()
    active: bool = True


class Projects:
    """All projects of this hub."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def put(self, project: Project) -> None:
        """Add or replace."""
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO hub_project (id, title, askers, active) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (id) DO UPDATE SET title = excluded.title, askers = excluded.askers,"
                " active = excluded.active",
                (project.id, project.title, list(project.askers), project.active),
            )

    def for_asker(self, access: Access) -> list[Project]:
        """The active projects this person may ask for; empty for anybody who is not a researcher at
        research."""
        if access.actor.role is not Role.RESEARCHER or access.purpose is not Purpose.RESEARCH:
            return []
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT id, title, askers FROM hub_project WHERE active"
                " AND (askers = '{}' OR %s = ANY (askers)) ORDER BY title",
                (access.actor.id,),
            )
            return [Project(str(row[0]), str(row[1]), tuple(row[2])) for row in rows]

    def require(self, project_id: str, access: Access) -> None:
        """Raises `Forbidden` unless this person may ask for this project."""
        if not any(project.id == project_id for project in self.for_asker(access)):
            raise Forbidden(
                "This person may not ask for this project.",
                rule="hub.projects",
                next_step="Ask the use-and-access committee to enter you for the project.",
            )
