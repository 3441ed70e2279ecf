"""Bugs that lose bytes, mix them up, or never deliver them.

Each file holds one bug and its fix; the difference between the two is the lesson.
"""
