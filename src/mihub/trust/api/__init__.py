"""The trust centre over HTTP: sites hand in encodings, portals look up persons."""
