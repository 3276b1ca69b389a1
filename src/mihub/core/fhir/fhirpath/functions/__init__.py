"""The functions of FHIRPath by group, and the one table that the compiler looks names up in.

A function takes the scope, its input collection and its arguments and gives a collection; it never reads
outside of them but through the scope's hooks. `is`, `as`, `ofType` and `sort` are the compiler's.
"""
