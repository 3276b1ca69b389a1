"""Right resources made wrong in exactly one place, by what their profiles say: does the validator find each, where it is?

Written without looking at the validator: it walks the snapshot and the resource itself, so that a mistake of the one is no
mistake of the other. Never random without a seed. Above: `mutants`, the suite.
"""
