"""Solutions of the notebooks' exercises, one module for each notebook; tests/solutions runs them."""
