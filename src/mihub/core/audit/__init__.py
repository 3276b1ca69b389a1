"""What happened to a record: one vocabulary for the store that notes it and for those who read it."""
