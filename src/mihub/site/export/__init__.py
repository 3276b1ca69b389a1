"""Bulk export: the record, or some patients of it, as NDJSON files in one state of the change log, whatever is written meanwhile.

Which versions belong to it is decided once, in one snapshot, and kept as lists; the files follow the lists, so an export goes
on after a crash where it stood. Source: Bulk Data Access 1.0.1 and 2.0. Below: `site.jobs`, `site.search`, `site.store`.
Above: `site.api`, `apps`.
"""
