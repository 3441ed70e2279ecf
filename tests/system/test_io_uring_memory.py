"""io_uring and memory: what is lent is kept until its completion, and a ring that is closed leaves nothing."""

import errno
import gc
import os
import socket
import weakref

import pytest

from iomux.system import io_uring_abi as uapi
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import lend

if reason := uapi.why_not():
    pytest.skip(f"io_uring: {reason}", allow_module_level=True)


class Buffer(bytearray):
    """Memory whose release can be observed."""


def test_memory_is_kept_until_its_completion_is_collected(
    ring: Ring, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    buffer = Buffer(1000)
    watched = weakref.ref(buffer)
    ring.recv(near.fileno(), lend(buffer), "data")
    with pytest.raises(BufferError):
        buffer.append(0)  # would move the memory
    del buffer
    ring.submit()
    gc.collect()
    assert watched() is not None
    far.send(b"x")
    assert ring.wait() == [("data", 1, False)]
    gc.collect()
    assert watched() is None


def test_an_unclosed_ring_keeps_the_memory_that_the_kernel_uses(pair: tuple[socket.socket, socket.socket]) -> None:
    buffer = Buffer(10)
    watched = weakref.ref(buffer)
    ring = Ring(2)
    ring.recv(pair[0].fileno(), lend(buffer))
    ring.submit()
    forgotten = weakref.ref(ring)
    del buffer, ring
    gc.collect()
    assert watched() is not None
    ring_again = forgotten()
    assert ring_again is not None
    ring_again.close()
    del ring_again
    gc.collect()
    assert forgotten() is None
    assert watched() is None


def test_closing_cancels_and_leaves_no_descriptor(pair: tuple[socket.socket, socket.socket]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    ring = Ring(2)
    for _ in range(10):
        ring.recv(pair[0].fileno(), lend(bytearray(10)), "recv")
    ring.timeout(3600, "timeout")
    found = ring.close()
    assert [(token, result) for token, result, _ in found if token] == [("recv", -errno.ECANCELED)] * 10 + [
        ("timeout", -errno.ECANCELED)
    ]
    assert len(os.listdir("/proc/self/fd")) == before
    assert ring.close() == [], "the second time it does nothing"


def test_closing_returns_sockets_accepted_meanwhile() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ring = Ring(4)
        ring.accept(listener.fileno(), "client")
        ring.submit()
        with socket.create_connection(listener.getsockname()) as client:
            accepted = [result for token, result, _ in ring.close() if token == "client" and result >= 0]
            assert len(accepted) == 1
            os.close(accepted[0])
            assert client.recv(1) == b""
