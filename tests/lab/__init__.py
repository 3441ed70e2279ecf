"""Tests of iomux.lab."""
