"""The measurements: a room for each instrument, and here those that are one file.

An instrument asks and counts; it does not draw, and no instrument imports another.
"""
