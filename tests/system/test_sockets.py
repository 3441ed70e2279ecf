"""The two ends of a connection within one process, and its end by a reset."""

import pytest

from iomux.system.sockets import reset, tcp_pair


def test_a_pair_is_connected_both_ways() -> None:
    near, far = tcp_pair()
    with near, far:
        near.sendall(b"there")
        far.sendall(b"back")
        assert (far.recv(10), near.recv(10)) == (b"there", b"back")


def test_a_reset_is_an_error_for_the_other_end() -> None:
    near, far = tcp_pair()
    with near:
        reset(far)
        with pytest.raises(ConnectionResetError):
            near.recv(10)
