"""Bugs by which bytes are lost, mixed up, or never come.

Each file is one bug beside its cure; the difference between the two is the lesson.
"""
