"""Validation in use: every write passes one door, what is refused waits here until it is repaired or discarded.

`door` judges and lets through, `gated_store` puts it before the record, `room` holds the actions on what was refused,
`tally` counts conformance by day. Engines behind `protocol`: `memory` (the reference) and `postgres`.
"""
