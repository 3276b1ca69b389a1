"""What the trust centre keeps: encoded records, persons, and who looked."""
