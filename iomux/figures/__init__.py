"""The figures: one file for a figure or a family of figures. `iomux.plot` is their face.

A figure is drawn from a table and needs nothing else; matplotlib is imported here and nowhere else.
"""
