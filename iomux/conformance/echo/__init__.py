"""The items of an echo server, one module for each family.

An item tests one rule, and judges by what the server did, not by how fast this process was.
"""
