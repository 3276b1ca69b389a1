"""MiHUB: one package that runs a whole health region."""

__version__ = "0.1.0"
