"""Tests of iomux.system."""
