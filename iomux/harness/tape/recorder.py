"""Recorded sockets and pollers: they make the same calls, and write one line to a file for each, at once.

The plain servers know nothing about them (see `iomux.harness.tape.server`). Writing costs some microseconds a step.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from iomux.servers.connection import READ, Handler
from iomux.servers.observed.instrument import Listener

monotonic_ns = time.monotonic_ns  # one clock for all processes of a machine: CLOCK_MONOTONIC, clock_gettime(2)


EMPTY_READ = "EAGAIN"
"""The step of a `recv` that finds no bytes."""
_MERGE_NS = 10_000_000  # a server that polls with recv gets one line each 10 ms, not one for each of thousands of calls


class Recorder:
    """Writes one line for each step to a file: client's port, step, begin and end in ns, bytes, number of calls."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.ports: dict[int, int] = {}
        """The client's port, by the server's descriptor."""
        self.current = 0
        """The port of the client that was read from last: the handler works for it."""
        self._free: dict[int, int] = {}
        self._empty_reads: dict[int, tuple[int, int, int]] = {}

    def note(self, port: int, step: str, begin: int, size: int = 0) -> None:
        """Record a step that ends now."""
        self._free[port] = end = monotonic_ns()
        self._write_empty_reads(port)
        self._write(port, step, begin, end, size, 1)

    def empty_read(self, port: int, begin: int) -> None:
        """Record a `recv` that found no bytes: consecutive ones become one line, with their number."""
        first, _, times = self._empty_reads.get(port, (begin, 0, 0))
        self._empty_reads[port] = first, monotonic_ns(), times + 1
        if begin - first > _MERGE_NS:
            self._write_empty_reads(port)

    def _write_empty_reads(self, port: int) -> None:
        if port in self._empty_reads:
            begin, end, times = self._empty_reads.pop(port)
            self._write(port, EMPTY_READ, begin, end, 0, times)

    def _write(self, *line: int | str) -> None:
        os.write(self._file, (json.dumps(line) + "\n").encode())

    def waited(self, fd: int, events: int) -> None:
        """Record a wait that ends now, because the poller reports a descriptor as ready."""
        if port := self.ports.get(fd):
            self.note(port, "wait for read" if events & READ else "wait for write", self._free[port])

    def handler(self, handler: Handler) -> Handler:
        """The same handler, recorded."""

        def handle(data: bytes) -> bytes:
            begin = monotonic_ns()
            reply = handler(data)
            self.note(self.current, "handler", begin, len(reply))
            return reply

        return handle


class RecordedSocket:
    """A client's socket that records its calls; all other attributes are the socket's."""

    def __init__(self, sock: socket.socket, recorder: Recorder, port: int) -> None:
        self._sock, self._recorder, self._port = sock, recorder, port

    def recv(self, *arguments: Any) -> bytes:
        """As socket.recv."""
        begin = monotonic_ns()
        data: bytes = self._receive(self._sock.recv, begin, *arguments)
        self._received(begin, len(data))
        return data

    def recv_into(self, *arguments: Any) -> int:
        """As socket.recv_into."""
        begin = monotonic_ns()
        size: int = self._receive(self._sock.recv_into, begin, *arguments)
        self._received(begin, size)
        return size

    def send(self, *arguments: Any) -> int:
        """As socket.send."""
        begin = monotonic_ns()
        size: int = self._sock.send(*arguments)
        self._recorder.note(self._port, "send", begin, size)
        return size

    def sendmsg(self, *arguments: Any) -> int:
        """As socket.sendmsg: asyncio sends with it what it owes, from Python 3.12 on."""
        begin = monotonic_ns()
        size = self._sock.sendmsg(*arguments)
        self._recorder.note(self._port, "send", begin, size)
        return size

    def sendall(self, data: Any, *flags: int) -> None:
        """As socket.sendall: one step, which includes its waits."""
        begin = monotonic_ns()
        self._sock.sendall(data, *flags)
        self._recorder.note(self._port, "send", begin, memoryview(data).nbytes)

    def close(self) -> None:
        """As socket.close."""
        begin = monotonic_ns()
        if self._recorder.ports.pop(self._sock.fileno(), None):
            self._sock.close()
            self._recorder.note(self._port, "close", begin)

    def _receive(self, call: Callable[..., Any], begin: int, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except BlockingIOError:
            self._recorder.empty_read(self._port, begin)
            raise

    def _received(self, begin: int, size: int) -> None:
        self._recorder.current = self._port
        self._recorder.note(self._port, "recv", begin, size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def __enter__(self) -> "RecordedSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def recorded_listener(listener: socket.socket, recorder: Recorder) -> Listener:
    """A listening socket whose clients are recorded."""

    def accept() -> tuple[RecordedSocket, Any]:
        begin = monotonic_ns()
        client, address = listener.accept()
        recorder.ports[client.fileno()] = address[1]
        recorder.note(address[1], "accept", begin)
        return RecordedSocket(client, recorder, address[1]), address

    return Listener(listener, accept)


class RecordedPoller:
    """A poller, or a selector, that records for which connections a wait has ended."""

    def __init__(self, poller: Any, wait: Callable[..., Any], recorder: Recorder, in_kernel: bool) -> None:
        self._poller, self._wait, self._recorder = poller, wait, recorder

    def poll(self, *arguments: Any, **keywords: Any) -> Any:
        """As the poller's `poll`, and the selector's `select`."""
        ready = self._wait(*arguments, **keywords)
        for who, events in ready:
            self._recorder.waited(getattr(who, "fd", who), events)
        return ready

    select = poll

    def __enter__(self) -> "RecordedPoller":
        return self

    def __exit__(self, *_: object) -> None:
        self._poller.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


class Waits:
    """Records for which connections the waits of a server's own pollers end; see `servers.observed.watched_select`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def entered(self) -> int:
        """As Observer.entered: when a wait began is known from the connection's last step."""
        return 0

    def told(self, entered: int, ready: Iterable[tuple[int, int]]) -> None:
        """As Observer.told."""
        for fd, events in ready:
            self._recorder.waited(fd, events)

    def listed(self) -> None:
        """As Observer.listed: a tape does not show it."""
