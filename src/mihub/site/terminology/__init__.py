"""Code systems, value sets and concept maps: looking up, expanding, validating, translating and searching codes."""
