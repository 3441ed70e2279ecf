"""Tests of how the mechanisms without a readiness loop carry a protocol."""
