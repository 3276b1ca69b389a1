"""Deciding which person an arriving record belongs to."""
