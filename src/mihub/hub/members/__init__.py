"""Who belongs to the region, as the registry signed it."""
