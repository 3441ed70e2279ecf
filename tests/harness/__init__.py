"""Tests of iomux.harness."""
