"""PostgreSQL for the houses that keep something: start it, connect to it, bring its tables up to date.

Knows no table of its own but the list of applied migrations. What every house of the network keeps alike (the list of
members, used nonces) is here once and works on the table that the house names. Above: site, hub, trust, apps. Below: errors,
log.
"""
