"""Servers as students write them: correct ones, and ones with common faults."""
