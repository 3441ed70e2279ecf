"""A playground for each test, which is closed after it."""

from collections.abc import Iterator

import pytest

import iomux
from iomux.lab.playground import Playground


@pytest.fixture
def lab() -> Iterator[Playground]:
    """A playground with poll and three idle connections."""
    made = iomux.playground("poll", idle=3)
    yield made
    made.close()
