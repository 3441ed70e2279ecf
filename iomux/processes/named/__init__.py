"""What a user names and how it is run: a command line, a file's function, and how functions of other forms are called.

Nothing is started here; `iomux.processes` does that.
"""
