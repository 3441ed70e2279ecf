"""Bugs by which processor time, memory or descriptors are wasted.

Each file is one bug beside its cure; the difference between the two is the lesson.
"""
