"""Tests of `iomux.course.clients`."""
