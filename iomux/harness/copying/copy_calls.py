"""The calls that `iomux.copy_cost` times: what each needs, what it does, and how its bytes are checked.

A receive is timed with MSG_PEEK: the call copies every byte and leaves it in the kernel (recv(2)). Without
the flag the same call would also free the kernel's buffers, 10 to 20 ns a KiB if sender and receiver share a
core, and often send the acknowledgement, some 3 µs (net/ipv4/tcp.c, tcp_recvmsg_locked and
tcp_cleanup_rbuf). Both are neither the call nor the copy. Under MSG_PEEK | MSG_TRUNC Linux walks the same
queue and copies nothing (tcp(7)): the control experiment.

`send` copies, too, and on loopback the same call carries the packets to the receiver's queue. `sendfile`
passes the file's pages on without a copy (sendfile(2)), at a cost for each page, so it is a control for
the copy only, not for everything that a byte costs.
"""

import mmap
import os
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from iomux.harness.copying.loopback import Loopback

_PAGE = mmap.PAGESIZE


class Trial(NamedTuple):
    """One call at one size, with all arguments prepared, so that only `call()` is timed."""

    ready: Callable[[], str]
    """Bring the sockets into the state that the call needs; return empty, or why that is impossible."""
    call: Callable[[], Any]
    moved: Callable[[Any], int]
    """How many bytes the call moved, given its result."""
    settle: Callable[[int], None]
    """Restore the sockets after that many bytes."""
    intact: Callable[[Any], bool]
    """Whether the call left every byte where it belongs, given its result."""


class CopyBench:
    """The connection, the memory and the file that all trials of a process share."""

    def __init__(self, largest: int, buffer_bytes: int | None = None) -> None:
        """largest: bytes of the largest trial. buffer_bytes: each socket's buffer; None: twice the largest trial."""
        self.payload = memoryview(os.urandom(largest))
        self.target = pages(largest + _PAGE)  # one page more, for a destination that is not page-aligned
        self.source = pages(largest)
        self.source[:] = self.payload
        self.landing = pages(largest)
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.file.write(self.payload)
        self.loopback = Loopback(buffer_bytes or 2 * largest, self.landing)

    def close(self) -> None:
        """Close the connection and the file."""
        self.loopback.close()
        self.file.close()

    def wipe(self, size: int) -> None:
        """Put zeros where bytes will arrive."""
        self.target[: size + _PAGE] = bytes(size + _PAGE)
        self.landing[:size] = bytes(size)


Way = Callable[[CopyBench, int], Trial]


def pages(size: int) -> memoryview:
    """Memory that begins on a page boundary and is mapped: each page was written."""
    view = memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    view[:] = bytes(size)
    return view


def recv_into(bench: CopyBench, size: int, offset: int = 0) -> Trial:
    """Copy `size` bytes out of the receive buffer, to `offset` bytes after a page boundary."""
    target, data = bench.target[offset : offset + size], bench.payload[:size]
    call = partial(bench.loopback.near.recv_into, target, size, socket.MSG_PEEK)
    return Trial(_waiting(bench, size, call), call, int, _do_nothing, lambda _: target == data)


def discard(bench: CopyBench, size: int) -> Trial:
    """The same call under MSG_TRUNC: Linux counts the bytes and copies none (tcp(7))."""
    target, untouched = bench.target[:size], bytes(size)
    call = partial(bench.loopback.near.recv_into, target, size, socket.MSG_PEEK | socket.MSG_TRUNC)
    return Trial(_waiting(bench, size, call), call, int, _do_nothing, lambda _: target == untouched)


def recv(bench: CopyBench, size: int) -> Trial:
    """Copy into a new bytes object: the time includes the allocation."""
    data = bench.payload[:size]
    call = partial(bench.loopback.near.recv, size, socket.MSG_PEEK)
    return Trial(_waiting(bench, size, call), call, len, _do_nothing, lambda result: result == data)


def memcpy(bench: CopyBench, size: int) -> Trial:
    """Copy between two page-aligned buffers of this process: no system call.

    A memoryview's slice assignment is the C library's memmove and little else; ctypes would add the
    conversion of its arguments, which costs more than copying a KiB.
    """
    target, data = bench.target[:size], bench.source[:size]
    call = partial(target.__setitem__, slice(None), data)
    return Trial(lambda: call() or "", call, lambda _: size, _do_nothing, lambda _: target == data)


def send(bench: CopyBench, size: int) -> Trial:
    """Copy into the kernel, and on loopback into the receiver's queue; a sample only if one call takes all bytes."""
    data, link = bench.payload[:size], bench.loopback
    call = partial(link.far.send, data)
    return Trial(
        _drained(link, partial(link.far.send, data[:_PAGE])),
        call,
        int,
        link.take,
        lambda _: bench.landing[:size] == data,
    )


def sendfile(bench: CopyBench, size: int) -> Trial:
    """Pass on pages of the page cache (sendfile(2)); a sample only if one call takes all bytes."""
    data, link = bench.payload[:size], bench.loopback
    call = partial(os.sendfile, link.far.fileno(), bench.file.fileno(), 0)
    return Trial(
        _drained(link, partial(call, min(size, _PAGE))),
        partial(call, size),
        int,
        link.take,
        lambda _: bench.landing[:size] == data,
    )


def _waiting(bench: CopyBench, size: int, call: Callable[[], Any]) -> Callable[[], str]:
    """Let all bytes wait, and make the call once untimed, so that its code and data are in the cache."""
    hold, data = bench.loopback.hold, bench.payload[:size]

    def ready() -> str:
        if not (reason := hold(data)):
            call()
        return reason

    return ready


def _drained(link: Loopback, first_page: Callable[[], int]) -> Callable[[], str]:
    """Let no byte wait, and send a page untimed: else a round's first size is cold after the largest before it."""

    def ready() -> str:
        link.take(link.waiting())
        link.take(first_page())
        return ""

    return ready


def _do_nothing(_: int) -> None:
    """Do nothing: a peek leaves the bytes where they are."""


class TimedWay(NamedTuple):
    """One way to move bytes that `iomux.copy_cost` times, and the feature that it needs."""

    side: str
    """"receive", "send", or "memory": no system call."""
    way: Way
    needs: str = ""
    """The feature without which the way is omitted (`iomux.system.features`)."""


WAYS = {
    "recv_into": TimedWay("receive", recv_into),
    "recv_into MSG_TRUNC": TimedWay("receive", discard, "msg_trunc"),
    "recv": TimedWay("receive", recv),
    "memcpy": TimedWay("memory", memcpy),
    "send": TimedWay("send", send),
    "sendfile": TimedWay("send", sendfile, "sendfile"),
}
