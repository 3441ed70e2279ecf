"""Solutions of the notebooks' exercises, one module a notebook; tests/test_solutions_*.py runs them."""
