"""Bugs by which processor time, memory or descriptors are wasted."""
