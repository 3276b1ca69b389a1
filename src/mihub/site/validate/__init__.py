"""Is a resource right by R4 and by the profiles it claims? Profiles compile once to plain functions.

`validator` is the way in; what it says are `finding.Finding`s. Never changes a resource, never reads the record.
"""
