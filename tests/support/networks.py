"""Tests of what runs on hosts of a network are skipped, and say why, where none can be made."""

import pytest

from iomux.system.features import feature


def skip_without_network() -> None:
    """Skip the test if this machine can't make a network."""
    found = feature("network")
    assert found
    if why := found.why_not():
        pytest.skip(f"no network can be made here: {why}")
