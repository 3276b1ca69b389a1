"""`mihub conformance`: other people's suites run against this program, cases and passes counted, failures named.

One file a suite; each is a function from the folder of the published data to a `suite.Result`. The tests run the same
functions. Never changes the data, never fetches anything.
"""
