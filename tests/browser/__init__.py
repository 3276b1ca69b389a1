"""The six stories in a real browser, each with accessibility checked and a picture kept."""
