"""Correct servers of more than one thread, as people write them."""

import select
import socket
import threading
import time
from typing import Any

from iomux.servers import get


def next_to_an_idle_thread(listener: Any) -> None:
    """One thread serves all clients; another thread only sleeps."""
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    get("poll").load()(listener)


def two_threads_on_one_epoll(listener: Any) -> None:
    """Two threads wait on the same epoll object, and either serves the next client (EPOLLONESHOT, epoll(7))."""
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN | select.EPOLLONESHOT)
    clients: dict[int, socket.socket] = {}

    def follow() -> None:
        while True:
            ((number, _),) = epoll.poll(maxevents=1)
            if number == listener.fileno():
                client, _ = listener.accept()
                clients[client.fileno()] = client
                epoll.register(client, select.EPOLLIN | select.EPOLLONESHOT)
            elif data := clients[number].recv(65536):
                clients[number].sendall(data)
            else:
                clients.pop(number).close()
                continue
            epoll.modify(number, select.EPOLLIN | select.EPOLLONESHOT)

    threading.Thread(target=follow, daemon=True).start()
    follow()
