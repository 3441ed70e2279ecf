"""Networks of our own, as Linux offers them: namespaces, TUN devices and their settings, and many connections at once.

Cost: this file imports nothing.
"""
