"""Tests of iomux.solutions."""
