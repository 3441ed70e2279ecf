"""Fixtures of the tests of networks: they are skipped, and say why, where no network can be made."""

import pytest

from tests.support.networks import skip_without_network


@pytest.fixture(scope="session")
def works() -> None:
    """Skip the test if this machine can't make a network."""
    skip_without_network()
