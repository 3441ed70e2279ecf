"""Bugs by which bytes are lost, mixed up or never come."""
