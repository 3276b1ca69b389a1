"""The trust centre: which records of which members are one person. Never a name, never a medical fact."""
