"""Blocking: one client at a time, from its first byte to its last.

Each call waits until it is done: `accept` for a client, `recv` for its bytes, `sendall` until the kernel
has taken the answer. The code reads like the conversation. While this server waits for one client it
cannot serve another: the kernel connects the second, which gets no answer until the first has left.

Cost: two system calls for each request, and no state per client but the call stack. Sources: accept(2),
recv(2), send(2).
"""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from iomux.servers.connection import CHUNK_BYTES, Handler, checked, echo, log_error
from iomux.system.sockets import CLIENT_GONE, RETRY_SECONDS, SHORTAGE


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve the clients of `listener` one after the other. Never returns."""
    listener.setblocking(True)
    while True:
        converse(accept_one(listener), handler)


def accept_one(listener: socket.socket, at_limit: Callable[[], None] = lambda: None) -> socket.socket:
    """Wait for a client; at the descriptor limit call `at_limit` and try again, until there is room."""
    while True:
        try:
            return listener.accept()[0]
        except OSError as error:
            if error.errno in CLIENT_GONE:  # it gave up before it was accepted
                continue
            if error.errno not in SHORTAGE:
                raise
            at_limit()
            time.sleep(RETRY_SECONDS)


def converse(client: socket.socket, handler: Handler) -> None:
    """Answer one client until it sends no more, waiting at each step; then close."""
    answer = checked(handler)
    with client, contextlib.suppress(OSError):  # reset, or gone during the answer: only this client is lost
        while data := client.recv(CHUNK_BYTES):
            try:
                reply = answer(data)
            except Exception:  # a handler's error ends only its client, and is logged
                log_error()
                return
            client.sendall(reply)
