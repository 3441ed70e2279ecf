"""Tests of iomux.processes."""
