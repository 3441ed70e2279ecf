"""Servers and jobs in separate processes: start one, send it its work, and end it with its owner.

All processes of the library are started here, so that none is left behind. This code does not know what they measure.
"""
