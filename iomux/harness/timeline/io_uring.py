"""A traced io_uring: the same operations, with clock readings when they are queued and when they are over.

Here the server makes no `recv` call: the kernel has copied the bytes before the completion is seen, so the copy in
is part of the time until the server is notified. The kernel's arrival stamp comes with IORING_OP_RECVMSG, which
replaces the server's IORING_OP_RECV; its message header says where to put that stamp (recvmsg(2)).

Cost to the traced server: some 5 µs for each request.
"""

import contextlib
import socket
import struct
from collections.abc import Callable

from iomux.harness.timeline.trace import RECV, SEND, WAIT, EventSink, realtime_ns
from iomux.system.io_uring import Completion, Ring
from iomux.system.io_uring_abi import OP_RECVMSG, Lent, lend
from iomux.system.sockets import ANCILLARY_BYTES, stamp_in

Done = Callable[[int, bool], None]
"""A server's callback: it gets the result of an operation, and whether the same entry will complete again."""
_IOVEC = struct.Struct("@PN")
_MSGHDR = struct.Struct("@PIPNPNi0P")
"""struct msghdr: name, namelen, iov, iovlen, control, controllen, flags (include/linux/socket.h, user_msghdr)."""
_CMSGHDR = struct.Struct("@Nii")  # len, level, type (cmsg(3))


class TracedRing:
    """The methods of a ring that `iomux.servers.uring` uses; each token is the function to call when it is done."""

    def __init__(self, ring: Ring, trace: EventSink) -> None:
        self._ring = ring
        self._trace = trace
        self._ports: dict[int, int] = {}
        self._counted = ring.enters

    def accept(self, listener: int, done: Done) -> int:
        """As Ring.accept."""

        def accepted(fd: int, more: bool) -> None:
            if fd >= 0:
                self._ports[fd] = _port(fd)
            done(fd, more)

        return self._ring.accept(listener, accepted)

    def recv(self, fd: int, memory: Lent, done: Done) -> int:
        """As Ring.recv, by IORING_OP_RECVMSG."""
        header, control, message = _message(memory)
        port = self._ports[fd]

        def received(size: int, more: bool) -> None:
            ready, begin = self._trace.ready, realtime_ns()
            done(size, more)
            if size > 0:  # recorded after the reply is queued, so that recording does not count as handler time
                self._trace.note(port, RECV, ready, begin, begin, _stamp(header, control), size)

        return self._ring.queue(OP_RECVMSG, fd, message, received)

    def send(self, fd: int, data: bytes, done: Done, skip: int = 0, msg_flags: int = 0) -> int:
        """As Ring.send."""
        begin, ready, port = realtime_ns(), self._trace.ready, self._ports[fd]

        def was_sent(size: int, more: bool) -> None:
            if size > 0:
                self._trace.note(port, SEND, ready, begin, self._trace.ready, 0, size)
            done(size, more)

        return self._ring.send(fd, data, was_sent, skip, msg_flags=msg_flags)

    def timeout(self, seconds: float, done: Done) -> int:
        """As Ring.timeout."""
        return self._ring.timeout(seconds, done)

    def wait(self) -> list[Completion]:
        """As Ring.wait; record when it returned, which is when the server sees the completions."""
        found = self._ring.wait()
        self._trace.calls[WAIT] += self._ring.enters - self._counted  # including those of `queue` on a full ring
        self._counted = self._ring.enters
        self._trace.ready = realtime_ns()
        return found


def _port(fd: int) -> int:
    """The peer's port of a connected socket; 0 if the peer has gone already."""
    sock = socket.socket(fileno=fd)
    try:
        with contextlib.suppress(OSError):
            return int(sock.getpeername()[1])
        return 0
    finally:
        sock.detach()


def _message(memory: Lent) -> tuple[bytearray, bytearray, Lent]:
    """A message header for the memory and one stamp, the room for that stamp, and both ready to be lent."""
    control, vector = bytearray(ANCILLARY_BYTES), bytearray(_IOVEC.pack(memory.address, memory.size))
    where, room = lend(vector), lend(control)
    header = bytearray(_MSGHDR.pack(0, 0, where.address, 1, room.address, room.size, 0))
    address, _, held = lend(header)
    return header, control, Lent(address, 1, (held, where, room, memory))


def _stamp(header: bytearray, control: bytearray) -> int:
    """The kernel's receive stamp that came with a message; 0 where there is none."""
    *_, length, _ = _MSGHDR.unpack(header)
    if not length:
        return 0
    size, level, kind = _CMSGHDR.unpack_from(control)
    return stamp_in([(level, kind, bytes(control[_CMSGHDR.size : size]))])
