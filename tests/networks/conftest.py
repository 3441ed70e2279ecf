"""Fixtures of the tests of networks: they are skipped, and say why, where no network can be made."""

import pytest

from iomux.system.features import feature


@pytest.fixture(scope="session")
def works() -> None:
    """Skip the test if this machine can't make a network."""
    found = feature("network")
    assert found
    if why := found.why_not():
        pytest.skip(f"no network can be made here: {why}")
