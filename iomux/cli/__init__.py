"""The command `iomux`: `main` runs it, `parser` defines its options, the other files implement its commands.

A command calls the same functions as a program would, and adds output and an exit status.
"""
