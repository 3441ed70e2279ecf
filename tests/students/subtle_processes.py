"""Servers of several processes or threads with one fault each, and some that are right: who shares what."""

import contextlib
import os
import select
import signal
import socket
import threading
import time
from typing import Any, NoReturn

from iomux.servers import get
from tests.students.subtle import echoes, guarded, in_threads

R = select.POLLIN


def forks_and_forgets(listener: socket.socket, handler: Any = None) -> NoReturn:
    """A child for each client, which is never waited for."""
    while True:
        client = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            _child(client)
        client.close()


def forks_and_waits_lazily(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Right: children that have ended are waited for with each next client, one at a time."""
    while True:
        client = listener.accept()[0]
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        if os.fork() == 0:
            listener.close()
            _child(client)
        client.close()


def forks_and_waits_for_40(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Right: waits for those that have ended when 40 children are known, as socketserver.ForkingMixIn does."""
    children: set[int] = set()
    while True:
        client = listener.accept()[0]
        if len(children) >= 40:
            for child in list(children):
                if os.waitpid(child, os.WNOHANG)[0]:
                    children.discard(child)
        if not (child := os.fork()):
            listener.close()
            _child(client)
        children.add(child)
        client.close()


def forks_and_ignores(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Right: SIGCHLD is ignored, so the kernel waits for the children (wait(2))."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    forks_and_forgets(listener)


def _child(client: socket.socket) -> NoReturn:
    with contextlib.suppress(OSError):
        while data := client.recv(65536):
            client.sendall(data)
    os._exit(0)


def select_on_blocking_listener(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Waits in select for a listener that it shares and that blocks."""
    listener.setblocking(True)
    clients: list[socket.socket] = []
    while True:
        for ready in select.select([*clients, listener], [], [])[0]:
            if ready is listener:
                clients.append(listener.accept()[0])
                continue
            try:
                data = ready.recv(65536)
                ready.sendall(data)
            except OSError:
                data = b""
            if not data:
                clients.remove(ready)
                ready.close()


def two_processes_on_blocking_listener(listener: socket.socket, handler: Any = None) -> NoReturn:
    os.fork()
    select_on_blocking_listener(listener)


def two_threads_on_blocking_listener(listener: socket.socket, handler: Any = None) -> NoReturn:
    threading.Thread(target=select_on_blocking_listener, args=(listener,), daemon=True).start()
    select_on_blocking_listener(listener)


def two_processes_that_accept(listener: socket.socket, handler: Any = None) -> None:
    """Right: two processes wait in accept, and have a thread for each client."""
    os.fork()
    in_threads(echoes)(listener)


def two_processes_that_poll(listener: socket.socket, handler: Any = None) -> None:
    """Right: two processes wait in poll for a nonblocking listener."""
    os.fork()
    get("poll").load()(listener)


def two_threads_without_oneshot(listener: socket.socket, handler: Any = None) -> None:
    """Two threads wait on one epoll object, and both are woken for the same client."""
    listener.setblocking(False)
    epoll, clients = select.epoll(), dict[int, socket.socket]()
    epoll.register(listener, R)

    def follow() -> None:
        while True:
            ((fd, _),) = epoll.poll(maxevents=1)
            with contextlib.suppress(OSError, KeyError):  # the other thread has it, or has closed it
                if fd == listener.fileno():
                    client = listener.accept()[0]
                    clients[client.fileno()] = client
                    epoll.register(client, R)
                    continue
                client = clients[fd]
                try:
                    data = client.recv(65536, socket.MSG_DONTWAIT)
                except ConnectionError:
                    data = b""
                if data:
                    _send_all(client, data)
                elif clients.pop(fd, None):
                    epoll.unregister(fd)
                    client.close()

    threading.Thread(target=follow, daemon=True).start()
    follow()


def _send_all(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the other thread may have closed it
        client.sendall(data)


def helper_inherits(listener: socket.socket, handler: Any = None) -> NoReturn:
    """With its first client it forks a helper, which lives on and holds that client's socket too."""
    helper = 0
    while True:
        client = listener.accept()[0]
        if not helper and not (helper := os.fork()):
            listener.close()
            time.sleep(600)
        threading.Thread(target=guarded, args=(echoes, client), daemon=True).start()


def helper_inherits_under_epoll(listener: socket.socket, handler: Any = None) -> NoReturn:
    """The same on one thread: epoll goes on telling of a descriptor that the server has closed."""
    epoll, clients, helper = select.epoll(), dict[int, socket.socket](), 0
    epoll.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                client = listener.accept()[0]
                clients[client.fileno()] = client
                epoll.register(client, select.EPOLLIN)
                if not helper and not (helper := os.fork()):
                    time.sleep(600)
            elif fd in clients:
                _answer_or_close(clients, fd)


def _answer_or_close(clients: dict[int, socket.socket], fd: int) -> None:
    data = b""
    with contextlib.suppress(OSError):
        data = clients[fd].recv(65536)
        clients[fd].sendall(data)
    if not data:
        clients.pop(fd).close()
