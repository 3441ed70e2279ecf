"""Bugs that appear at the limits of a process, or at its end.

Each file holds one bug and its fix; the difference between the two is the lesson.
"""
