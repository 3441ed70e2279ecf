"""Bugs that waste processor time, memory or descriptors.

Each file holds one bug and its fix; the difference between the two is the lesson.
"""
