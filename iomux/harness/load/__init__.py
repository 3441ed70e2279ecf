"""The load generator, `load` for one run, and `sweep` for many runs in a table.

The generator's process runs alongside the server and imports little: only the code that makes a table imports pandas.
"""
