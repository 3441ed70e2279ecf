"""Provided buffers: memory of which the kernel takes a piece when bytes come, for whichever client they are.

A receive into a buffer of its own lends the kernel that memory for as long as the client is silent. Here many
receives share a few buffers: the kernel chooses one when bytes arrive, and the completion names it. The buffers'
numbers are in a third ring, whose tail this process moves when it gives a buffer back. One entry then receives any
number of times (multishot), until the stream ends or no buffer is left: that completes with -ENOBUFS, and the entry
is over.

Cost: some 2 µs of Python for a completion and the return of its buffer; no entry and no system call.
Sources: io_uring_register_buf_ring(3), io_uring_prep_recv_multishot(3), include/uapi/linux/io_uring.h
(struct io_uring_buf, struct io_uring_buf_reg). Linux 6.0.
"""

import contextlib
import ctypes
import mmap
import socket
import struct
from typing import Any

from iomux.system import io_uring_abi as uapi
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import Lent, address_of

_REGISTRATION = struct.Struct("=QIHH24x")  # ring_addr, ring_entries, bgid, flags
_ENTRY = struct.Struct("=QIH")  # addr, len, bid
_ENTRY_BYTES, _TAIL_AT = 16, 14  # the tail lies where the first entry has its unused last two bytes
_MOST = 1 << 15


class Buffers:
    """`count` buffers of `size` bytes each, lent to `ring` as group number `group`, until the ring is closed.

    count: a power of two, at most 32,768. A completion's token is a pair: the one that was given, and the number of the
    buffer with the bytes. Raises ValueError for another count, OSError before Linux 5.19.

    Example:
    >>> from iomux.system import io_uring, io_uring_buffers, sockets
    >>> ring, (near, far) = io_uring.Ring(8), sockets.tcp_pair()
    >>> buffers = io_uring_buffers.Buffers(ring, count=2, size=64)
    >>> _ = buffers.recv(near.fileno(), "client"), far.send(b"hello")
    >>> [(token[0], buffers.take(token[1], size)) for token, size, _ in ring.wait()]
    [('client', b'hello')]
    >>> _ = ring.close(), near.close(), far.close()
    """

    def __init__(self, ring: Ring, count: int, size: int, group: int = 0) -> None:
        if not 1 <= count <= _MOST or count & (count - 1):
            raise ValueError(f"count is {count}: choose a power of two, from 1 to {_MOST:,}")
        self.count, self.size, self.group = count, size, group
        self._ring = ring
        self._memory, self._numbers = mmap.mmap(-1, count * size), mmap.mmap(-1, count * _ENTRY_BYTES)
        self._tail = ctypes.c_uint16.from_buffer(self._numbers, _TAIL_AT)
        self._address, self._held = address_of(self._memory)
        place, self._held_numbers = address_of(self._numbers)
        registration = bytearray(_REGISTRATION.pack(place, count, group, 0))
        uapi.call(uapi.REGISTER, ring.fd, uapi.REGISTER_PBUF_RING, address_of(registration)[0], 1)
        for number in range(count):
            self.give_back(number)

    def recv(self, fd: int, token: Any = None) -> int:
        """Receive again and again (multishot); the last completion comes without `more`. Returns the entry's number."""
        kept = Lent(0, 0, self)  # the buffers live as long as an operation that may use them
        select, multishot = uapi.IOSQE_BUFFER_SELECT, uapi.RECV_MULTISHOT
        return self._ring.queue(uapi.OP_RECV, fd, kept, token, select, multishot, group=self.group)

    def take(self, number: int, size: int) -> bytes:
        """The first `size` bytes of a buffer, copied; the buffer is given back."""
        data = self._memory[number * self.size : number * self.size + size]
        self.give_back(number)
        return data

    def give_back(self, number: int) -> None:
        """Let the kernel use a buffer again. Its memory is the kernel's from now on."""
        tail = self._tail.value
        at = self._address + number * self.size
        _ENTRY.pack_into(self._numbers, _ENTRY_BYTES * (tail % self.count), at, self.size, number)
        self._tail.value = (tail + 1) & 0xFFFF


def why_not() -> str:
    """Try a receive that goes on, and say why this process can't use it; empty if it can."""
    if reason := uapi.why_not():
        return reason
    try:
        near, far = socket.socketpair()
        with contextlib.closing(Ring(2)) as ring, near, far:
            Buffers(ring, 1, 1).recv(near.fileno())
            far.send(b"?")
            ((_, result, more),) = ring.wait()
            ring.close()  # before the descriptor is closed
    except OSError as error:
        return f"the kernel refuses provided buffers, which came with Linux 5.19: {error.strerror}"
    return "" if result == 1 and more else "the kernel's io_uring is older than Linux 6.0: it has no multishot receive"
