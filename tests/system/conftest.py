"""Fixtures of the tests of io_uring: a small ring, and a pair of sockets."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from iomux.system.io_uring import Ring


@pytest.fixture
def ring() -> Iterator[Ring]:
    """A ring with room for eight entries; the module has skipped itself where there can be none."""
    with contextlib.closing(Ring(8)) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far
