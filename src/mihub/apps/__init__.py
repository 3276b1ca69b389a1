"""Composition and command line: the only place that joins the houses and names concrete engines."""
