"""The items of a server that speaks Redis' protocol, RESP, in five stages.

As for an echo server, an item tests one rule, and judges by what the server did, not by how fast this process was.
"""
