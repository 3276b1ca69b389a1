"""Messages and envelopes between organisations: who says what, and nobody else reads it."""
