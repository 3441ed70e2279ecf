"""Clients for the tests: plain blocking sockets with a deadline, and waits for a condition."""

import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable

import psutil

from iomux.system.sockets import Address
from iomux.system.sockets import reset as reset

DEADLINE = 60.0
"""Seconds after which a wait is a failure: long, because the machine may be busy."""


def connect(address: Address) -> socket.socket:
    """A connected blocking socket whose calls time out after the deadline."""
    return socket.create_connection(address, timeout=DEADLINE)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether these processes end by themselves before the deadline, after their owner has ended."""
    return not psutil.wait_procs(processes, timeout=DEADLINE)[1]


def receive(client: socket.socket, count: int) -> bytes:
    """Receive exactly `count` bytes, or fewer if the stream ends before."""
    data = bytearray()
    while len(data) < count and (piece := client.recv(min(count - len(data), 1 << 20))):
        data += piece
    return bytes(data)


def receive_all(client: socket.socket) -> bytes:
    """Receive everything up to the end of the stream."""
    data = bytearray()
    while piece := client.recv(1 << 20):
        data += piece
    return bytes(data)


def ask(client: socket.socket, message: bytes) -> bytes:
    """Send one message and receive an answer of the same length."""
    client.sendall(message)
    return receive(client, len(message))


def send_in_background(client: socket.socket, data: bytes, then_shut_down: bool = False) -> threading.Thread:
    """Send all of `data` from a thread, so that the caller can read meanwhile; then half-close, if wanted."""

    def send() -> None:
        client.sendall(data)
        if then_shut_down:
            client.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def fill(client: socket.socket, most: int) -> int:
    """Send without reading until the server accepts nothing for a second; return how many bytes it accepted."""
    block = bytes(range(256)) * 256
    sent = 0
    client.settimeout(1.0)
    try:
        while sent < most:
            sent += client.send(block[sent % 256 :])
    except TimeoutError:
        pass
    client.settimeout(DEADLINE)
    return sent


def pattern(count: int) -> bytes:
    """The first `count` bytes that `fill` sends."""
    return (bytes(range(256)) * (count // 256 + 1))[:count]


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true before the deadline."""
    limit = time.monotonic() + DEADLINE
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def unsent(client: socket.socket) -> int:
    """How many bytes wait in its send queue, or for the other end's acknowledgement (TIOCOUTQ, tcp(7))."""
    return int(struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))[0])
