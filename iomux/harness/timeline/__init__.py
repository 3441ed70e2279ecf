"""Where the time of one request goes: traced sockets at both ends, and a table with a row for each request.

A traced socket makes the same calls as a plain one, between two looks at the clock. No server knows of it.
"""
