"""Bugs at the limits of a process, and at its end."""
