"""How this site's patients are found in the region: transport ids, and encodings handed to the trust
centre."""
