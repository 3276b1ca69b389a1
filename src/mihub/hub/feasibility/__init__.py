"""Questions to many sites: who was asked, who has answered, and the sealed answers for the asker alone."""
