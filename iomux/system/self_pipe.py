"""A pipe by which a thread, or a signal's handler, wakes a loop that sleeps in its poller.

The loop watches the pipe's reading end; whoever wants it awake writes a byte into the other. It is D. J. Bernstein's
self-pipe trick (cr.yp.to/docs/selfpipe.html). Cost: two descriptors, and a write and a read for each time it is woken.
Source: pipe(7).
"""

import contextlib
import os
import threading


class SelfPipe:
    """A pipe to oneself. It holds two descriptors until it is closed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may wake while its own thread does
        self._ends: tuple[int, ...] = os.pipe()
        self.fd = self._ends[0]
        """The end to be watched for reading."""
        for end in self._ends:
            os.set_blocking(end, False)

    def wake(self) -> bool:
        """Make `fd` readable, from any thread; False if the pipe is closed."""
        with self._lock:  # or `close` might give the number to another file, and we would write into that
            if self._ends:
                with contextlib.suppress(BlockingIOError):  # full of wake-ups: one is enough
                    os.write(self._ends[1], b"\0")
            return bool(self._ends)

    def drain(self) -> None:
        """Take the wake-ups out, so that `fd` is no longer readable."""
        os.read(self.fd, 4096)

    def close(self) -> None:
        """Let go of both descriptors; does nothing the second time."""
        with self._lock:
            ends, self._ends = self._ends, ()
        for end in ends:
            os.close(end)
