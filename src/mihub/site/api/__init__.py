"""The FHIR REST API of a site: one file per interaction, each from request to reply in plain Python.

`app` mounts them; `transaction.execute` is also called by other rooms. Below: store, search, access. Never
decides who may: it asks the gate, and what is not allowed answers like what is not there.
"""
