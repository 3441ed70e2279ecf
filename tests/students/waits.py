"""Servers that wait in different ways, as people write them: to be seen, or said to be unseen, never told as 0."""

import os
import select
import selectors
import socket
import threading
import time
from select import epoll  # by name, as many programs do
from select import select as choose
from typing import Any

EARLY = selectors.DefaultSelector()
EARLY_EPOLL = select.epoll()
"""Pollers that were there before anything could watch them: this module is imported by name."""


def by_selectors(listener: socket.socket) -> None:
    """selectors, nonblocking; it answers when it is told that there is room."""
    _by_selector(selectors.DefaultSelector(), listener)


def by_early_selector(listener: socket.socket) -> None:
    """The same with a selector that was there before: what it is built on can still be replaced."""
    _by_selector(EARLY, listener)


def by_early_epoll(listener: socket.socket) -> None:
    """An epoll object that was there before: it can't be watched any more."""
    EARLY_EPOLL.register(listener.fileno(), select.EPOLLIN)
    socks: dict[int, Any] = {listener.fileno(): listener}
    while True:
        for fd, _ in EARLY_EPOLL.poll():
            _serve_one(
                listener, socks, fd, lambda new: EARLY_EPOLL.register(new, select.EPOLLIN), EARLY_EPOLL.unregister
            )


def by_select_selector(listener: socket.socket) -> None:
    """The same on select(2)."""
    _by_selector(selectors.SelectSelector(), listener)


def _by_selector(watched: Any, listener: socket.socket) -> None:
    listener.setblocking(False)
    watched.register(listener, selectors.EVENT_READ)
    owed: dict[Any, bytes] = {}
    while True:
        for key, events in watched.select():
            sock = key.fileobj
            if sock is listener:
                client, _ = listener.accept()
                client.setblocking(False)
                watched.register(client, selectors.EVENT_READ)
            elif events & selectors.EVENT_WRITE:
                sock.send(owed.pop(sock))
                watched.modify(sock, selectors.EVENT_READ)
            elif data := sock.recv(4096):
                owed[sock] = data
                watched.modify(sock, selectors.EVENT_WRITE)
            else:
                watched.unregister(sock)
                sock.close()


def by_selectors_with_blocking_sockets(listener: socket.socket) -> None:
    """The shortest sample: its `recv` never waits, because it is told."""
    watched = selectors.DefaultSelector()
    watched.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in watched.select():
            sock: Any = key.fileobj
            if sock is listener:
                watched.register(listener.accept()[0], selectors.EVENT_READ)
            elif data := sock.recv(4096):
                sock.sendall(data)
            else:
                watched.unregister(sock)
                sock.close()


def by_epoll_of_that_name(listener: socket.socket) -> None:
    """`from select import epoll`; the type is in an annotation and in isinstance."""
    watched: Any = epoll(sizehint=4)
    assert isinstance(watched, select.epoll)
    assert select.epoll | None, "as annotations have it"
    watched.register(listener.fileno(), eventmask=select.EPOLLIN)
    socks: dict[int, Any] = {listener.fileno(): listener}
    while True:
        for fd, _ in watched.poll(timeout=5, maxevents=10):
            _serve_one(listener, socks, fd, lambda new: watched.register(new, select.EPOLLIN), watched.unregister)


def by_select_in_a_class(listener: socket.socket) -> None:
    """`select` kept in a class, where a function would become a method."""

    class Loop:
        wait: Any = choose

    socks: dict[int, Any] = {listener.fileno(): listener}
    while True:
        for fd in Loop().wait(list(socks), [], [], 5)[0]:
            _serve_one(listener, socks, fd, lambda new: None, lambda old: None)


def _serve_one(listener: socket.socket, socks: dict[int, Any], fd: int, add: Any, remove: Any) -> None:
    if fd == listener.fileno():
        client, _ = listener.accept()
        socks[client.fileno()] = client
        add(client.fileno())
    elif data := socks[fd].recv(4096):
        socks[fd].sendall(data)
    else:
        remove(fd)
        socks.pop(fd).close()


def accepts_by_selector(listener: socket.socket) -> None:
    """A selector for the listener alone; a thread for each client waits in `recv`."""

    def talk(client: socket.socket) -> None:
        while data := client.recv(4096):
            client.sendall(data)
        client.close()

    watched = selectors.DefaultSelector()
    watched.register(listener, selectors.EVENT_READ)
    while True:
        watched.select()
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def never_answers(listener: socket.socket) -> None:
    """It takes what comes, and says nothing."""
    client, _ = listener.accept()
    while client.recv(4096):
        pass
    time.sleep(600)


def never_accepts(listener: socket.socket) -> None:
    """It does nothing at all."""
    time.sleep(600)


def by_its_number(listener: socket.socket) -> None:
    """It accepts by a socket of its own, which nothing records."""
    own = socket.socket(fileno=os.dup(listener.fileno()))
    while True:
        client, _ = own.accept()
        while data := client.recv(4096):
            client.sendall(data)
        client.close()
