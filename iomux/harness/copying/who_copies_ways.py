"""The ways in which `iomux.who_copies` receives bytes that wait in many sockets, and on which cores their threads run.

Each way requests the bytes, is checked while the application computes, and then collects the rest. The two
synchronous ways have all their bytes when the request returns. With io_uring the data is there at submission, so by
default the kernel receives within io_uring_enter, on the thread that calls it (io_uring/io_uring.c, io_submit_sqe).
Under IOSQE_ASYNC a worker receives (io_uring/io-wq.c), under SQPOLL the thread that polls the ring
(io_uring/sqpoll.c).

To the kernel both helpers are threads of this process, so its processor time includes theirs. But their cores are set:
otherwise a worker would inherit the core to which the application's thread is pinned, and nothing could overlap.
"""

import os
import select
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from iomux.harness.copying.copy_calls import pages
from iomux.harness.copying.loopback import Loopback
from iomux.system import io_uring_abi as uapi
from iomux.system.io_uring import Completion, Ring
from iomux.system.io_uring_abi import Lent, lend
from iomux.system.procfs import watched_ns

IDLE_MS = 5
"""How long SQPOLL's thread watches the ring before it falls asleep: this processor time is a part of its cost."""
perf_ns = time.perf_counter_ns


class WaitingBytes:
    """`count` connections of this process to itself, and memory for `size` bytes from each."""

    def __init__(self, size: int, count: int) -> None:
        self.size = size
        self._sent = os.urandom(size + count)  # each connection sends from another offset, so that a mix-up would show
        self._zeros = bytes(size)
        landing = pages(size)
        self.links = [Loopback(2 * size, landing) for _ in range(count)]
        self.buffers = [pages(size) for _ in range(count)]

    def fill(self) -> str:
        """Put zeros where bytes will arrive, and bytes in every receive buffer; return empty, or why they don't fit."""
        for number, link in enumerate(self.links):
            self.buffers[number][:] = self._zeros
            link.near.setblocking(False)
            if reason := link.hold(memoryview(self._sent)[number : number + self.size]):
                return reason
        return ""

    def intact(self) -> bool:
        """Whether every byte is where it belongs."""
        return all(self._sent.startswith(buffer, number) for number, buffer in enumerate(self.buffers))

    def close(self) -> None:
        """Close the connections."""
        for link in self.links:
            link.close()


class Way(NamedTuple):
    """One way to get the bytes. `seen` has the time for each connection at which all its bytes were seen to be in."""

    prepare: Callable[[], None]
    """Untimed preparation."""
    ask: Callable[[list[int]], None]
    look: Callable[[list[int]], None]
    """Check what is in by now, without a system call."""
    collect: Callable[[list[int]], None]
    """Wait for the rest."""
    calls: Callable[[], int]
    """Return how many system calls it has made so far."""
    close: Callable[[], object]
    watched: Callable[[], int | None] = lambda: 0
    """Nanoseconds for which its helper has only watched the ring so far; None if the kernel does not say."""


def _do_nothing(*_: object) -> None:
    """Do nothing: a synchronous way has all its bytes when `ask` returns."""


def blocking(bench: WaitingBytes, helpers: Sequence[int]) -> Way:
    """Call recv on one socket after the other, on each until its bytes are in."""
    calls = 0

    def ask(seen: list[int]) -> None:
        nonlocal calls
        for number, link in enumerate(bench.links):
            done, target = 0, bench.buffers[number]
            while done < bench.size:
                done += link.near.recv_into(target[done:])
                calls += 1
            seen[number] = perf_ns()

    return Way(lambda: _wait(bench, True), ask, _do_nothing, _do_nothing, lambda: calls, _do_nothing)


def epoll(bench: WaitingBytes, helpers: Sequence[int]) -> Way:
    """Call epoll_wait, and recv on the ready sockets; they are registered beforehand."""
    calls, poller = 0, select.epoll()
    numbers = {link.near.fileno(): number for number, link in enumerate(bench.links)}
    for fd in numbers:
        poller.register(fd, select.EPOLLIN)

    def ask(seen: list[int]) -> None:
        nonlocal calls
        done = [0] * len(seen)
        while 0 in seen:
            ready = poller.poll()
            calls += 1 + len(ready)
            for fd, _ in ready:
                number = numbers[fd]
                done[number] += bench.links[number].near.recv_into(bench.buffers[number][done[number] :])
                if done[number] == bench.size:
                    seen[number] = perf_ns()

    return Way(lambda: _wait(bench, False), ask, _do_nothing, _do_nothing, lambda: calls, poller.close)


def _wait(bench: WaitingBytes, waits: bool) -> None:
    for link in bench.links:
        link.near.setblocking(waits)


def uring(bench: WaitingBytes, helpers: Sequence[int]) -> Way:
    """Submit all receives at once, with default flags."""
    return _on(Ring(len(bench.links)), bench)


def uring_async(bench: WaitingBytes, helpers: Sequence[int]) -> Way:
    """Submit all receives at once, marked IOSQE_ASYNC: for a worker, without an attempt at submission."""
    ring = Ring(len(bench.links))
    mask = bytearray(sum(1 << core for core in helpers).to_bytes(128, "little"))
    uapi.call(uapi.REGISTER, ring.fd, uapi.REGISTER_IOWQ_AFF, uapi.address_of(mask)[0], len(mask))
    return _on(ring, bench, uapi.IOSQE_ASYNC)


def uring_sqpoll(bench: WaitingBytes, helpers: Sequence[int]) -> Way:
    """Put entries into the ring, where the kernel's thread, which is awake already, finds them."""
    setup = uapi.SETUP_SQPOLL | uapi.SETUP_SQ_AFF
    return _on(Ring(len(bench.links), setup=setup, idle_ms=IDLE_MS, cpu=helpers[0]), bench)


def _on(ring: Ring, bench: WaitingBytes, flags: int = 0) -> Way:
    memory = [lend(buffer) for buffer in bench.buffers]
    rest: list[tuple[int, int]] = []

    def prepare() -> None:
        _wait(bench, True)  # on a nonblocking socket the kernel returns EAGAIN instead of waiting
        if ring.sqpoll:
            ring.nop()
            ring.wait()

    def queue(entries: Iterable[tuple[int, int]]) -> None:
        for number, done in entries:
            address, size, keep = memory[number]
            lent = Lent(address + done, size - done, keep)
            ring.recv(bench.links[number].near.fileno(), lent, (number, done), flags)

    def take(found: list[Completion], seen: list[int]) -> None:
        now = perf_ns()
        for (number, before), result, _ in found:
            if result <= 0:
                raise OSError(-result, os.strerror(-result) if result else "the connection has ended")
            if before + result == bench.size:
                seen[number] = now
            else:
                rest.append((number, before + result))

    def ask(seen: list[int]) -> None:
        queue((number, 0) for number in range(len(seen)))
        ring.submit()

    def collect(seen: list[int]) -> None:
        while 0 in seen:
            queue(rest)
            rest.clear()
            take(ring.wait(seen.count(0)), seen)

    def look(seen: list[int]) -> None:
        take(ring.completions(), seen)

    watched: Callable[[], int | None] = partial(watched_ns, ring.fd) if ring.sqpoll else lambda: 0
    return Way(prepare, ask, look, collect, lambda: ring.enters, ring.close, watched)


WAYS: dict[str, tuple[Callable[[WaitingBytes, Sequence[int]], Way], str]] = {
    "blocking": (blocking, "blocking"),
    "epoll": (epoll, "epoll"),
    "io_uring": (uring, "io_uring"),
    "io_uring IOSQE_ASYNC": (uring_async, "io_uring"),
    "io_uring SQPOLL": (uring_sqpoll, "io_uring"),
}
"""Each way, and the mechanism of `iomux.servers` that it needs."""
