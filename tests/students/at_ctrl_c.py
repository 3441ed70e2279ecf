"""Servers of several processes, and what becomes of each at Ctrl-C: SIGINT to the whole foreground group."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from iomux.servers import get

FINISHES_SECONDS = 1.5


def _workers(listener: socket.socket, at_interrupt: Any) -> None:
    """Two workers that share the listener, and the first process, which waits for them."""
    for _ in range(2):
        if not os.fork():
            signal.signal(signal.SIGINT, at_interrupt)
            get("poll").load()(listener)


def _finishes(_: int, __: FrameType | None) -> NoReturn:
    time.sleep(FINISHES_SECONDS)
    os._exit(0)


def workers_stay(listener: socket.socket, handler: Any = None) -> NoReturn:
    """The workers ignore SIGINT, the first process dies of it: the workers serve on."""
    _workers(listener, signal.SIG_IGN)
    while True:
        os.wait()


def workers_finish(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Right: each worker needs a moment to end, and the first process does not wait for them."""
    _workers(listener, _finishes)
    while True:
        os.wait()


def waits_for_workers(listener: socket.socket, handler: Any = None) -> None:
    """Right: the first process waits for workers that need a moment."""
    _workers(listener, _finishes)
    try:
        os.wait()
    except KeyboardInterrupt:
        os.wait()
        os.wait()


def children_serve_on(listener: socket.socket, handler: Any = None) -> NoReturn:
    """A child for each client, which ignores SIGINT and has no listener: its client is served on."""
    while True:
        client = listener.accept()[0]
        if not os.fork():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            listener.close()
            while data := client.recv(65536):
                client.sendall(data)
            os._exit(0)
        client.close()


def leaves_another_program(listener: socket.socket, handler: Any = None) -> None:
    """Right: a program that it has started, which holds none of its sockets, ignores SIGINT."""
    _ignoring(lambda: subprocess.Popen(["sleep", "600"]))
    get("poll").load()(listener)


def _ignoring(start: Callable[[], object]) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    start()
    signal.signal(signal.SIGINT, before)
