"""The hub over HTTP: one file per kind of caller."""
