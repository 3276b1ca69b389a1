"""PostgreSQL for the houses that keep something: start it, connect to it, bring its tables up to date.

Knows no table of its own but the list of applied migrations. Above: site, hub, trust, apps. Below: errors,
log.
"""
