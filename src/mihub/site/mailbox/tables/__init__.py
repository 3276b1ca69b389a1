"""The mailbox's tables in the site's database, as numbered SQL files (`database/migrate.py`)."""
