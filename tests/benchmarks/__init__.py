"""The benchmarks behind the README's "Measured" section."""
