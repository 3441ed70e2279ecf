"""The command `iomux`: `main` runs it, `parser` is its grammar, the other files do what its commands say.

A command calls what a program would call, and adds words and a status.
"""
