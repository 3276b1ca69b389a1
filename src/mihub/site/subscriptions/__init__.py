"""Topic-based subscriptions of a site: who wants to be told of which changes, and a durable outbox for telling them.

Nothing is told that the subscriber may not read at that moment. Source: HL7 Subscriptions R5 Backport IG 1.1.0, R4.
"""
