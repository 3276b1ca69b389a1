"""Law and schedules as data, and receipts: who ruled, on which inputs, with which arithmetic, under which
citation.

Pure values and functions; the data files are read above (`mihub.care`) and handed down. Never decides what
is not written in a rule document, and never turns "not known" into "no".
"""
