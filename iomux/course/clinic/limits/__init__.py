"""Bugs at the limits of a process, and at its end.

Each file is one bug beside its cure; the difference between the two is the lesson.
"""
