"""Measurements of the copy between kernel and user space: what it costs, and which thread makes it.

The bytes of every timed call are already in the kernel, so no time is spent waiting.
"""
