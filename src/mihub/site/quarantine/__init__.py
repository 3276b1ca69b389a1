"""What a site refused to store, with the reason: nothing rejected disappears, everything can be repaired and tried again."""
