"""Bugs that let one client harm the others.

Each file holds one bug and its fix; the difference between the two is the lesson.
"""
