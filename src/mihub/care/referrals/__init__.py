"""Referrals between organisations of the region: who asks whom for what, and what became of it.

A referral is a ServiceRequest (what) with a Task (who, state) in the care record. Its state is the Task's;
nothing is kept elsewhere. Also the duties of other rooms (aftercare visits) are Tasks built here.
"""
