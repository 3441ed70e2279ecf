"""Provided buffers: which of them bytes lie in, what happens when none is left, and when the client leaves."""

import contextlib
import errno
import gc
import socket

import pytest

from iomux.system.io_uring import Ring
from iomux.system.io_uring_buffers import Buffers, why_not

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)


def test_one_entry_receives_until_the_stream_ends(ring: Ring, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    buffers = Buffers(ring, 2, 16)
    first = buffers.recv(near.fileno(), "client")
    for number in range(50):
        far.send(b"%d" % number)
        ((token, at), size, more) = ring.wait()[0]
        assert (token, buffers.take(at, size), more) == ("client", b"%d" % number, True)
    far.close()
    assert ring.wait() == [("client", 0, False)]
    assert ring.nop() == first + 1, "one entry was enough"


def test_without_a_buffer_the_entry_is_over_and_the_bytes_are_kept(
    ring: Ring, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    buffers = Buffers(ring, 1, 4)
    buffers.recv(near.fileno(), "client")
    far.send(b"abcdefgh")
    (((_, at), size, more), last) = ring.wait(2)
    assert (size, more, last) == (4, True, ("client", -errno.ENOBUFS, False))
    assert buffers.take(at, size) == b"abcd"
    buffers.recv(near.fileno(), "client")
    ((_, at), size, _) = ring.wait()[0]
    assert buffers.take(at, size) == b"efgh"


def test_many_clients_share_a_few(ring: Ring) -> None:
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(20)]
        for near, far in pairs:
            stack.enter_context(near), stack.enter_context(far)
        buffers = Buffers(ring, 2, 8)
        for number, (near, _) in enumerate(pairs):
            buffers.recv(near.fileno(), number)
        ring.submit()
        for number, (_, far) in enumerate(pairs):
            far.send(b"%d" % number)
            ((token, at), size, _) = ring.wait()[0]
            assert (token, buffers.take(at, size)) == (number, b"%d" % number)
            assert at in (0, 1)
        ring.close()


def test_the_memory_outlives_the_object_while_a_receive_is_under_way(
    ring: Ring, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    Buffers(ring, 1, 4).recv(near.fileno())
    ring.submit()
    gc.collect()
    far.send(b"abc")
    ((_, at), size, more) = ring.wait()[0]
    assert (at, size, more) == (0, 3, True)


@pytest.mark.parametrize("count", [0, 3, 1 << 16])
def test_a_count_that_no_ring_has(ring: Ring, count: int) -> None:
    with pytest.raises(ValueError, match="choose a power of two"):
        Buffers(ring, count, 8)
