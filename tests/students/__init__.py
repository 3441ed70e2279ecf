"""Servers as students write them: right ones, and ones with a fault that people make."""
