"""The hub's tables, as numbered SQL files (`database/migrate.py`)."""
