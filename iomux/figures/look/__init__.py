"""How every figure looks: a mechanism's colour and marker, a phase's colour, axes, names at the ends of lines.

What two figures have in common is here, so that a mechanism never changes its colour.
"""
