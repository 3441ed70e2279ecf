"""What notebook 12 hands to its readers: a select server to begin with, and a model solution of each assignment."""
