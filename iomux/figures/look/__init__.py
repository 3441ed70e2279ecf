"""The look of every figure: colours and markers of mechanisms and phases, axes, names at the ends of lines.

Everything that two figures share is here, so that a mechanism has the same colour in each.
"""
