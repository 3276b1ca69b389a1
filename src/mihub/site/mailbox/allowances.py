"""Which research projects may ask this site for what: entered by the site's own approver, by nobody else.

Without an entry nothing runs here, whoever asks. Below: `core/wire/task`, `database`. Above: `work`, `apps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.core.wire.task import Allowance, sign_allowance, verify_allowance
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Forbidden


class Allowances:
    """`keys`: the site's own keys; each entry is signed with them."""

    def __init__(self, pool: Pool, keys: KeySet, now: Callable[[], float]) -> None:
        self._pool = pool
        self._keys = keys
        self._now = now

    def allow(
        self,
        project: PublicKeys,
        *,
        title: str,
        until: int,
        approved_by: str,
        kinds: Iterable[str] = ("feasibility",),
        min_cell: int = 10,
    ) -> Allowance:
        """Let the owner of these project keys ask here until `until` (seconds of the epoch); replaces
        an entry."""
        allowance = Allowance(
            project=project.owner,
            title=title,
            keys=project,
            kinds=frozenset(kinds),
            until=until,
            min_cell=min_cell,
            approved_by=approved_by,
            approved_at=int(self._now()),
        )
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO mailbox_allowance (project, token) VALUES (%s, %s)"
                " ON CONFLICT (project) DO UPDATE SET token = excluded.token",
                (allowance.project, sign_allowance(allowance, self._keys)),
            )
        return allowance

    def withdraw(self, project: str) -> bool:
        """Stop the project here; work that waits is refused. False when it was not allowed."""
        with translated(), self._pool.connection() as connection:
            gone = connection.execute("DELETE FROM mailbox_allowance WHERE project = %s", (project,))
        return gone.rowcount == 1

    def get(self, project: str) -> Allowance:
        """Raises `Forbidden` when the project is not allowed here, `Unauthenticated` when its entry was
        edited."""
        with translated(), self._pool.connection() as connection:
            row = connection.execute(
                "SELECT token FROM mailbox_allowance WHERE project = %s", (project,)
            ).fetchone()
        if row is None:
            raise Forbidden(
                "The task is refused: its project is not allowed at this site.",
                rule="project-not-allowed",
                next_step="Ask this site's approver to allow the project's key.",
            )
        return verify_allowance(row[0], self._keys.public())

    def all(self) -> list[Allowance]:
        """All entries by project id; empty on a fresh site."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute("SELECT token FROM mailbox_allowance ORDER BY project").fetchall()
        return [verify_allowance(token, self._keys.public()) for (token,) in rows]
