"""How large a view and its rows may become. Beyond a limit it is refused and named, never cut short in silence."""

from __future__ import annotations

from typing import Final

# Selects inside selects.
MAX_DEPTH: Final = 32
# Columns of one view; PostgreSQL's tables take 1,600.
MAX_COLUMNS: Final = 1_600
# Rows that one resource may become: several forEach beside each other multiply.
MAX_ROWS_PER_RESOURCE: Final = 100_000
# Elements that one forEach or repeat may visit in one resource.
MAX_ELEMENTS: Final = 100_000
# Nesting of what repeat walks.
MAX_REPEAT_DEPTH: Final = 200
