"""The tables of subscriptions in the site's database, as numbered SQL files (`database/migrate.py`)."""
