"""Tests of iomux.course."""
