"""Bugs by which one client harms the others.

Each file is one bug beside its cure; the difference between the two is the lesson.
"""
