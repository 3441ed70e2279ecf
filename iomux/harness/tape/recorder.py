"""Recorded sockets and pollers: the same calls, and one line in a file for each, at once.

Nothing in the plain servers knows of them (see `iomux.harness.tape.server`). Writing costs some microseconds a
step.
"""

import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from iomux.servers.connection import READ, Handler
from iomux.servers.instrument import Listener

monotonic_ns = time.monotonic_ns  # one clock for all processes of a machine: CLOCK_MONOTONIC, clock_gettime(2)


IN_VAIN = "EAGAIN"
"""The step of asking for bytes when there are none."""
_IN_VAIN_NS = 10_000_000  # who asks all the time gets a line for each 10 ms, and not one for each of thousands of calls


class Recorder:
    """Writes one line a step to a file: the client's port, the step, its begin and end in ns, its bytes, how often."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.ports: dict[int, int] = {}
        """The client's port, by the server's descriptor."""
        self.current = 0
        """The port of the client that was read from last: whom the handler works for."""
        self._free: dict[int, int] = {}
        self._vain: dict[int, tuple[int, int, int]] = {}

    def note(self, port: int, step: str, begin: int, size: int = 0) -> None:
        """Keep a step that ends now."""
        self._free[port] = end = monotonic_ns()
        self._write_vain(port)
        self._write(port, step, begin, end, size, 1)

    def in_vain(self, port: int, begin: int) -> None:
        """Keep a `recv` that found nothing: those that follow each other become one line, with their number."""
        first, _, times = self._vain.get(port, (begin, 0, 0))
        self._vain[port] = first, monotonic_ns(), times + 1
        if begin - first > _IN_VAIN_NS:
            self._write_vain(port)

    def _write_vain(self, port: int) -> None:
        if port in self._vain:
            begin, end, times = self._vain.pop(port)
            self._write(port, IN_VAIN, begin, end, 0, times)

    def _write(self, *line: int | str) -> None:
        os.write(self._file, (json.dumps(line) + "\n").encode())

    def waited(self, fd: int, events: int) -> None:
        """Keep the wait that ends now, with the poller's word that a descriptor is ready."""
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
    """A client's socket whose calls are noted; everything else is the socket's own."""

    def __init__(self, sock: socket.socket, recorder: Recorder, port: int) -> None:
        self._sock, self._recorder, self._port = sock, recorder, port

    def recv(self, *arguments: Any) -> bytes:
        """As socket.recv."""
        begin = monotonic_ns()
        data: bytes = self._asked(self._sock.recv, begin, *arguments)
        self._received(begin, len(data))
        return data

    def recv_into(self, *arguments: Any) -> int:
        """As socket.recv_into."""
        begin = monotonic_ns()
        size: int = self._asked(self._sock.recv_into, begin, *arguments)
        self._received(begin, size)
        return size

    def send(self, data: Any) -> int:
        """As socket.send."""
        begin = monotonic_ns()
        size = self._sock.send(data)
        self._recorder.note(self._port, "send", begin, size)
        return size

    def sendmsg(self, *arguments: Any) -> int:
        """As socket.sendmsg: by it asyncio sends what it owes, from Python 3.12 on."""
        begin = monotonic_ns()
        size = self._sock.sendmsg(*arguments)
        self._recorder.note(self._port, "send", begin, size)
        return size

    def sendall(self, data: Any) -> None:
        """As socket.sendall: a step of sending, with its waits."""
        begin = monotonic_ns()
        self._sock.sendall(data)
        self._recorder.note(self._port, "send", begin, len(data))

    def close(self) -> None:
        """As socket.close."""
        begin = monotonic_ns()
        if self._recorder.ports.pop(self._sock.fileno(), None):
            self._sock.close()
            self._recorder.note(self._port, "close", begin)

    def _asked(self, call: Callable[..., Any], begin: int, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except BlockingIOError:
            self._recorder.in_vain(self._port, begin)
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
    """A poller, or a selector, that says for whom a wait has ended."""

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
