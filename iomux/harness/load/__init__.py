"""The load generator, one load, and many loads in a table.

What runs beside the server is here and light: pandas is imported only where a table is made.
"""
