"""Tests of iomux.figures."""
