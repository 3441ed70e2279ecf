"""The items of an echo server, by family.

An item tries one thing, and judges by what the server did, not by how fast this process was.
"""
