"""A carrier of protocol objects, for tests: a thread for each client, and its deadline as the calls' time-out."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import iomux
from iomux.servers.protocol import NEVER, Factory
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.interest import OVER, WRITE

Address = tuple[str, int]


def _carry(sock: socket.socket, factory: Factory) -> None:
    conversation = Conversation(factory, time.monotonic(), lambda: sock.shutdown(socket.SHUT_WR), wake=lambda: None)
    with sock, contextlib.closing(conversation):
        while conversation.interest != OVER:
            now = time.monotonic()
            sock.settimeout(None if conversation.due == NEVER else max(0.001, conversation.due - now))
            try:
                if conversation.interest & WRITE:
                    piece = conversation.take(now)
                else:
                    piece = conversation.received(sock.recv(65536), time.monotonic())
                if piece:
                    conversation.sent(sock.send(piece), time.monotonic())
            except TimeoutError:
                piece = conversation.late(time.monotonic())
                if piece:
                    conversation.sent(sock.send(piece), time.monotonic())
            except OSError:
                return


@contextlib.contextmanager
def carried(factory: Factory) -> Iterator[Address]:
    """A server in this process at the given address; it and its clients are gone at the end."""
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []
    with iomux.listen() as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    sockets.append(sock)
                    threads.append(threading.Thread(target=_carry, args=(sock, factory)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for sock in sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
