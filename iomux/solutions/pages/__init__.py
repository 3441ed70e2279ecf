"""What the solutions share: the servers that the notebooks build, taken from their cells."""
