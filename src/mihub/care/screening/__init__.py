"""Lung screening in a practice: who may be examined and why, smoking history, report, referral to radiology.

The rule decides (`core.rules`); this room finds the facts at the practice's own site, writes what the
practice records and refers through the care record. A missing item blocks the referral and is named.
"""
