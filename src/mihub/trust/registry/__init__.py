"""What the trust centre keeps: members, encoded records, persons, and who looked."""
