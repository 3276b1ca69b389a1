"""Consent at the site: from the stored Consents of all patients to what a count may see.

There is no way around it: a count without a permission is only for the site's own engineer.
"""
