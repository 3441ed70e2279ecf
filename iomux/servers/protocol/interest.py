"""What a client is waited for, and the log: shared by all that serves clients, with a handler or with a protocol."""

import contextlib
import socket
import sys
import traceback
from collections.abc import Callable

Call = Callable[[], None]
Piece = bytes | memoryview
"""Bytes to send."""
READ = 0x001
"""Interest in reading, and readiness for it: POLLIN, and EPOLLIN has the same value (poll.h, epoll.h)."""
WRITE = 0x004
"""Interest in writing, and readiness for it: POLLOUT and EPOLLOUT."""
OVER = 0
"""No interest is left: the connection has ended and must be closed."""
WITH_THE_END = getattr(socket, "MSG_MORE", 0)
"""The flag of send(2) for the last bytes of all: the kernel keeps them until it is told of the end, which then goes in
the same segment. A segment costs more than the call does. 0 where there is no such flag."""


def log_error(*lines: str) -> None:
    """Write the lines, or the exception being handled, to standard error; ignore a closed standard error."""
    with contextlib.suppress(OSError, ValueError):
        print(*(lines or (traceback.format_exc(),)), sep="\n", file=sys.stderr, flush=True)
