"""The benchmarks behind docs/measured.md."""
