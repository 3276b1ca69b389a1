"""The documents and canonicals of the German Medical Informatics Initiative (MII) as values."""
