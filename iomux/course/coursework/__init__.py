"""The coursework of notebook 12: a select server to start from, model solutions, and a test file to mark with."""
