"""The items of a chat room.

As those of an echo server.
"""
