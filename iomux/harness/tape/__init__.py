"""What a server does for the clients of a script, step by step: recorded sockets and pollers.

It writes down every call, and so is too slow to be a timing: for that there is the timeline.
"""
