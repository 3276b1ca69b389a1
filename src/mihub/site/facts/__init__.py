"""Facts: a columnar projection of the record, for counting.

It follows the store's change log, can be rebuilt from it at any time and names the position it stands at. It
holds codes, numbers and dates of identified patients and never leaves the site. `extract` makes rows from
FHIR, `segments` keeps them as Parquet, `engine` asks them with DuckDB, `table` is the room's door.
"""
