"""The synthetic region: seeded people, their journeys, and the files that hospitals and practices would
send.

Never reads real data; nothing here runs in a site, a hub or a portal. Above: apps (`mihub synth`, `mihub
demo`). Source of the rates: data/parameters.json, which names where each number comes from. Shapes:
docs/reference/synthetic-region.md.
"""
