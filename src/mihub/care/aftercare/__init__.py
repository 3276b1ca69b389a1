"""Aftercare: a plan from a versioned schedule, anchored on the end of therapy, and what of it is due.

The plan is a CarePlan with one Appointment and one Task per visit in the care record. What is due is computed
from these and from what the sites know; nobody maintains it by hand.
"""
