"""Tests of iomux.conformance."""
