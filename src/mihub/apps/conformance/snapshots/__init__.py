"""The suite of snapshots: every published profile generated anew from its differential and compared with what was published.

`reading` the packages, `comparing` two snapshots, `judging` what differs, `run` all of it, `table` for the documentation.
"""

from mihub.apps.conformance.snapshots.run import run

__all__ = ["run"]
