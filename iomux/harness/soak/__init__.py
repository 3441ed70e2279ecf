"""A server under hundreds of clients that misbehave at random."""
