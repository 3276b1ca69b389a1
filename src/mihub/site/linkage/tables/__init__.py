"""Linkage's table in the site's database, as numbered SQL files (`database/migrate.py`)."""
