"""The clients of a tape's script: they send without waiting for answers, and note what they do, and when."""

import contextlib
import socket
import time
from collections.abc import Callable, Sequence

from iomux.harness.tape.recorder import monotonic_ns
from iomux.harness.tape.script import Line
from iomux.system.sockets import Address

Seen = tuple[str, str, int, int, int, int, int]
"""One mark: client, mark, when in ns, begin and end of the call, bytes, number of calls."""


class Clients:
    """The clients of one script: what they did, and when."""

    def __init__(self, address: Address, open_sockets: contextlib.ExitStack) -> None:
        self.seen: list[Seen] = []
        self.names: dict[int, str] = {}
        """The clients' names, by port."""
        self.socks: dict[str, socket.socket] = {}
        """Their sockets, by name."""
        self.got = 0
        """How many bytes of answers they have read in `drain`."""
        self._address, self._open_sockets = address, open_sockets

    def play(self, script: Sequence[Line], pause: Callable[[float], None] = time.sleep) -> int:
        """Play the script; return when it began. pause: what to do for the seconds until a line is due."""
        began = monotonic_ns()
        for when, who, data in script:
            pause(max(0.0, when - (monotonic_ns() - began) / 1e9))
            if who not in self.socks:
                self._connect(who)
            begin = monotonic_ns()
            with contextlib.suppress(OSError):  # the server may have closed it: then there is nothing more to record
                if data:
                    self.socks[who].sendall(data)
                else:
                    self.socks[who].shutdown(socket.SHUT_WR)
            self.seen.append((who, "arrival" if data else "hang-up", begin, begin, monotonic_ns(), len(data), 1))
        return began

    def _connect(self, who: str) -> None:
        begin = monotonic_ns()
        sock = self._open_sockets.enter_context(socket.create_connection(self._address, timeout=5))
        self.seen.append((who, "connect", begin, begin, monotonic_ns(), 0, 1))
        self.socks[who] = sock
        self.names[sock.getsockname()[1]] = who

    def drain(self, seconds: float) -> None:
        """Read what every client was sent, until the server has closed them all, or for `seconds` at most."""
        until = time.monotonic() + seconds
        for sock in self.socks.values():
            with contextlib.suppress(TimeoutError, ConnectionError, BlockingIOError):
                sock.settimeout(max(0.001, until - time.monotonic()))
                while data := sock.recv(1 << 16):
                    self.got += len(data)
                    sock.settimeout(max(0.001, until - time.monotonic()))
