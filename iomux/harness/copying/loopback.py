"""Both ends of one TCP connection in one process, so that the bytes in the kernel are known at any moment.

`far` writes and `near` reads; both are nonblocking, so no call here can hang. FIONREAD says how many bytes
wait in `near`'s receive buffer (tcp(7), SIOCINQ), so a timed call never waits. The size of the buffer is
bounded by `net.core.rmem_max` if SO_RCVBUF is set, and by `net.ipv4.tcp_rmem` if the kernel sizes it itself,
which it stops doing once SO_RCVBUF was set (tcp(7)).
"""

import contextlib
import fcntl
import socket
import struct
import termios
import time

_PATIENCE_S = 0.1  # for bytes that are on their way; on loopback they arrive within the call that sends them
_DEADLINE_S = 5.0  # for bytes that must arrive


class Loopback:
    """A connection of this process to itself over TCP and 127.0.0.1, with TCP_NODELAY at both ends."""

    def __init__(self, buffer_bytes: int, landing: memoryview) -> None:
        """buffer_bytes: what each socket must hold. landing: memory for bytes that are read to empty the kernel."""
        self._landing = landing
        with socket.socket() as listener:
            _enlarge(listener, socket.SO_RCVBUF, buffer_bytes)  # before listen(): it fixes the window's scale
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            self.far = socket.socket()
            _enlarge(self.far, socket.SO_SNDBUF, buffer_bytes)
            self.far.connect(listener.getsockname())
            self.near, _ = listener.accept()
        for end in (self.near, self.far):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close both ends."""
        self.near.close()
        self.far.close()

    def waiting(self) -> int:
        """How many bytes wait in the receive buffer."""
        (count,) = struct.unpack("i", fcntl.ioctl(self.near, termios.FIONREAD, bytes(4)))
        return int(count)

    def hold(self, data: memoryview) -> str:
        """Make exactly `data` wait in the receive buffer; return empty, or why that is impossible.

        If that many bytes wait already, they are assumed to be these. All are then acknowledged, as far as the kernel
        does that while they wait: otherwise it would do so in the next receive, which costs some 3 µs.
        """
        if self.waiting() == len(data):
            return ""
        self.take(self.waiting())
        sent, until = 0, time.monotonic() + _PATIENCE_S
        while (arrived := self.waiting()) < len(data) and time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                sent += self.far.send(data[sent:]) if sent < len(data) else 0
            self._acknowledge()
        if arrived == len(data):
            return ""
        self.take(sent)
        return f"of {len(data):,} bytes {arrived:,} fit in the socket's receive buffer: {self.room()}"

    def _acknowledge(self) -> None:
        """Peek at one byte: any receive sends an acknowledgement that is due (net/ipv4/tcp.c, tcp_cleanup_rbuf)."""
        with contextlib.suppress(BlockingIOError):
            self.near.recv(1, socket.MSG_PEEK)

    def take(self, count: int) -> None:
        """Read `count` bytes from the kernel into `landing`. Raises RuntimeError if they do not arrive."""
        taken, until = 0, time.monotonic() + _DEADLINE_S
        while taken < count:
            try:
                place = taken % len(self._landing)
                taken += self.near.recv_into(self._landing[place:], min(count - taken, len(self._landing) - place))
            except BlockingIOError:
                if time.monotonic() > until:
                    raise RuntimeError(f"{count - taken:,} bytes never arrived over loopback") from None

    def room(self) -> str:
        """The sizes of the sockets' buffers, and what bounds them."""
        receive = self.near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        send = self.far.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        bounds = "net.core.rmem_max and wmem_max, net.ipv4.tcp_rmem and tcp_wmem"
        return f"SO_RCVBUF is {receive:,} and SO_SNDBUF {send:,} bytes, overhead included (bounds: {bounds})"


def _enlarge(sock: socket.socket, option: int, wanted: int) -> None:
    """Set the buffer's size if the system grants it; else leave it to the kernel, which often allows more."""
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, option, wanted)
        except OSError:  # macOS refuses a size that Linux would cut down
            return
        if probe.getsockopt(socket.SOL_SOCKET, option) >= wanted:
            sock.setsockopt(socket.SOL_SOCKET, option, wanted)
