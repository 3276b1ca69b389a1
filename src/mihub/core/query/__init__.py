"""The middle form of a cohort question: one meaning, several engines.

`nodes` is the question, `facts` the row it is asked about, `from_ccdl` the way in, `memory` the reference
engine, `sql` the printer for columnar engines, `explain` the attrition. Nothing here reads or writes
anything.
"""
