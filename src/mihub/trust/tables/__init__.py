"""The trust centre's tables, as numbered SQL files (`database/migrate.py`)."""
