"""One person's journey across sites: read through, turned into events with words for both sides, never
kept.
"""
