"""Tests of iomux.servers."""
