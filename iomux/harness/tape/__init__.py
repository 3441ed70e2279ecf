"""Event tapes and steps: every call that a server makes for the clients of a script, by recorded sockets and pollers.

Recording every call is too slow for timings: for those there is the timeline.
"""
