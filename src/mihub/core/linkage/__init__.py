"""Which records are one person: normalise, encode, block, compare, score, solve. The linking side reads
no name."""
