"""The load generator, one load, and many in a table."""
