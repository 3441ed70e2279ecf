"""Figures of what happens over a wire: how long each step took, and how a quantity went on over time.

Cost: this file imports nothing.
"""
