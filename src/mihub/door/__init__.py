"""The door of a house between the members, over HTTP: who calls, how much is read, how a refusal is said.

The same for the hub and the trust centre, which may not know each other. Above: hub, trust. Below: database, core.
"""
