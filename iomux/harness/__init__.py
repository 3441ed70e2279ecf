"""The measurements: one folder for each instrument, and here those that fit in one file.

An instrument measures and counts; it does not draw, and no instrument imports another.
"""
