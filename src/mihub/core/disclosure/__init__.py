"""What may leave a site as a number: small cells, rounding, keyed noise, and the guard against differencing.

Pure decisions; the site keeps the ledger and the secret. A refusal never says whether data or a rule caused
it.
"""
