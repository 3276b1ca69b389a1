"""The care team's pages: inbox, patients, screening, referrals, aftercare; the tumour board has its own
folder.

Pages read and show; every change is an action of `care`. Texts: `content/texts/team.*.yaml`.
"""
