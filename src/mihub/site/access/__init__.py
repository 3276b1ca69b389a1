"""Who may touch this site's record: proof of who asks, the region's rules, the patient they are limited to.

Closed by default. Above: `site.api`. Below: `core.policy`.
"""
