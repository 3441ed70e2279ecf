"""The timeline, which shows where the time of each request goes: traced sockets at both ends, and a table.

A traced socket makes the same calls as a plain one, between two readings of the clock. The servers' code is unchanged.
"""
