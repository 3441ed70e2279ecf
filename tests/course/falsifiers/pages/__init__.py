"""The worlds, one file for each notebook."""
