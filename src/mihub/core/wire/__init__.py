"""Messages and envelopes between organisations: what is said, who said it, and that nobody else can read it."""
