"""Bugs by which one client harms the others."""
