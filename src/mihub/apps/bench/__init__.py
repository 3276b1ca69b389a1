"""`mihub bench`: what the program does per second and how much memory it holds, beside the ceiling of the same run.

A ceiling is the same work without our part, on this machine, minutes apart. Ratios travel between machines, seconds do not.
One file a part; never part of a test.
"""
