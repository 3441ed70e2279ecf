"""The figures: one file for each figure or family of figures. `iomux.plot` gives them their public names.

A figure needs only the table that it draws. matplotlib is imported here and nowhere else.
"""
