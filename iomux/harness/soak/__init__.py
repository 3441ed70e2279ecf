"""A server for minutes under hundreds of clients that behave badly at random, every byte accounted for.

What a client does follows from the seed, so a run that failed can be made again.
"""
