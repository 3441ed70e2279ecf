"""Soak tests: a server runs for minutes under hundreds of clients that misbehave at random, and every byte is checked.

What a client does follows from the seed, so a run that failed can be repeated.
"""
