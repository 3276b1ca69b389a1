"""The site's answer to "how many".

The same cohort for the hub, after consent and disclosure, and for the site's own engineer, in the open.
`room` counts, `local` is what only the site sees, `ledger` remembers what left.
"""
