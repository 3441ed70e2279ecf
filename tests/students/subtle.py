"""Servers with one fault each that most clients never meet; each is right in all else, and some are right in all.

They are told apart by the item of `iomux.check` that is made for the fault. The server's process imports this file.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from iomux.servers import get

R, W = select.POLLIN, select.POLLOUT
_said: list[bytes] = []


def in_threads(converse: Callable[[socket.socket], None]) -> Callable[..., None]:
    """A server that runs `converse` in a thread for each client."""

    def serve(listener: socket.socket, handler: Any = None) -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                time.sleep(0.05)
                continue
            threading.Thread(target=_guarded, args=(converse, client), daemon=True).start()

    return serve


def _guarded(converse: Callable[[socket.socket], None], client: socket.socket) -> None:
    with client, contextlib.suppress(OSError):
        converse(client)


def remembers(client: socket.socket) -> None:
    """Keeps all that was ever said."""
    while data := client.recv(65536):
        _said.append(data)
        client.sendall(data)


def in_two_sends(client: socket.socket) -> None:
    """Header and body apart, with Nagle's algorithm."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    while data := client.recv(65536):
        client.sendall(data[:4])
        client.sendall(data[4:])


def in_two_sends_at_once(client: socket.socket) -> None:
    """Right: header and body apart, with TCP_NODELAY, and a wait of its own in between."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := client.recv(65536):
        client.sendall(data[:4])
        time.sleep(0.005)
        client.sendall(data[4:])


def more_to_come(client: socket.socket) -> None:
    """MSG_MORE, and nothing follows."""
    while data := client.recv(65536):
        client.sendall(data, socket.MSG_MORE)


def corked(client: socket.socket) -> None:
    """TCP_CORK, never taken out."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    while data := client.recv(65536):
        client.sendall(data)


def corked_and_uncorked(client: socket.socket) -> None:
    """Right: the cork is taken out after each answer."""
    while data := client.recv(65536):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        client.sendall(data[:4])
        client.sendall(data[4:])
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def computes(client: socket.socket) -> None:
    """Right: computes for 5 ms before each answer."""
    while data := client.recv(65536):
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
        client.sendall(data)


def asks_every_3_ms(client: socket.socket) -> None:
    """Asks at intervals instead of waiting."""
    client.setblocking(False)
    while True:
        time.sleep(0.003)
        with contextlib.suppress(BlockingIOError):
            if not (data := client.recv(65536)):
                return
            client.setblocking(True)
            client.sendall(data)
            client.setblocking(False)


def sends_the_silent_away(client: socket.socket) -> None:
    """Closes a client that has said nothing for 5 s, after its first message."""
    while data := client.recv(65536):
        client.settimeout(None)
        client.sendall(data)
        client.settimeout(5.0)


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


def edge_triggered(accept_once: bool, read_once: bool) -> Callable[..., None]:
    """A server by edge-triggered epoll that accepts, or reads, once for each notification, or until EAGAIN."""

    def serve(listener: socket.socket, handler: Any = None) -> None:
        listener.setblocking(False)
        epoll, clients = select.epoll(), dict[int, socket.socket]()
        epoll.register(listener, R | select.EPOLLET)
        while True:
            for fd, _ in epoll.poll():
                if fd == listener.fileno():
                    _admit(listener, epoll, clients, accept_once)
                elif not _answer(clients[fd], read_once):
                    clients.pop(fd).close()

    return serve


def _admit(listener: socket.socket, epoll: select.epoll, clients: dict[int, socket.socket], once: bool) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            client = listener.accept()[0]
            clients[client.fileno()] = client
            client.settimeout(5)
            epoll.register(client, R | select.EPOLLET)
            if once:
                return


def _answer(client: socket.socket, once: bool) -> bool:
    """Read and answer, once or as long as there is something to read; False at the end."""
    with contextlib.suppress(BlockingIOError, ConnectionError):
        while data := client.recv(65536, socket.MSG_DONTWAIT):
            client.sendall(data)
            if once:
                return True
        return False
    return True


def in_two_passes(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Looks at each event twice: who is readable, then who is writable or has hung up; by number, each time."""
    listener.setblocking(False)
    epoll, clients, owed = select.epoll(), dict[int, socket.socket](), dict[int, bytes]()
    epoll.register(listener, R)

    def drop(fd: int) -> None:
        owed.pop(fd)
        clients.pop(fd).close()

    while True:
        events = epoll.poll()
        for fd, event in events:
            if fd == listener.fileno():
                client = listener.accept()[0]
                client.setblocking(False)
                clients[client.fileno()], owed[client.fileno()] = client, b""
                epoll.register(client, R)
            elif event & R and not owed[fd]:
                with contextlib.suppress(OSError):
                    owed[fd] = clients[fd].recv(65536)
                if not owed[fd]:
                    drop(fd)
        for fd, event in events:
            if fd in clients and (event & select.POLLHUP or not _sends(clients[fd], owed, fd)):
                drop(fd)
            elif fd in clients:
                epoll.modify(fd, W if owed[fd] else R)


def _sends(client: socket.socket, owed: dict[int, bytes], fd: int) -> bool:
    """Send what is owed as far as there is room; False if the client is gone."""
    try:
        owed[fd] = owed[fd][client.send(owed[fd]) :] if owed[fd] else b""
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


serve_accepts_once = edge_triggered(accept_once=True, read_once=False)
serve_reads_once = edge_triggered(accept_once=False, read_once=True)
serve_edge_triggered = edge_triggered(accept_once=False, read_once=False)
serve_remembers = in_threads(remembers)
serve_in_two_sends = in_threads(in_two_sends)
serve_in_two_sends_at_once = in_threads(in_two_sends_at_once)
serve_more_to_come = in_threads(more_to_come)
serve_corked = in_threads(corked)
serve_corked_and_uncorked = in_threads(corked_and_uncorked)
serve_computes = in_threads(computes)
serve_asks_every_3_ms = in_threads(asks_every_3_ms)
serve_sends_the_silent_away = in_threads(sends_the_silent_away)


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


def echoes(client: socket.socket) -> None:
    while data := client.recv(65536):
        client.sendall(data)


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


async def _write(client: socket.socket, data: bytes) -> None:
    rest = memoryview(data)
    with contextlib.suppress(ConnectionError):
        while rest:
            try:
                rest = rest[client.send(rest) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)


async def _talk(client: socket.socket) -> None:
    writes: set[asyncio.Task[None]] = set()
    with client, contextlib.suppress(ConnectionError):
        while data := await asyncio.get_running_loop().sock_recv(client, 65536):
            writes = {write for write in writes if not write.done()} | {asyncio.create_task(_write(client, data))}
        await asyncio.gather(*writes)


def writes_overlap(listener: socket.socket, handler: Any = None) -> None:
    """One thread, and a task for each answer: two of them may write to one client."""

    async def main() -> None:
        talks = set()
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(listener)
            client.setblocking(False)
            talks.add(asyncio.create_task(_talk(client)))

    listener.setblocking(False)
    asyncio.run(main())


def helper_inherits(listener: socket.socket, handler: Any = None) -> NoReturn:
    """With its first client it forks a helper, which lives on and holds that client's socket too."""
    helper = 0
    while True:
        client = listener.accept()[0]
        if not helper and not (helper := os.fork()):
            listener.close()
            time.sleep(600)
        threading.Thread(target=_guarded, args=(echoes, client), daemon=True).start()


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


def keeps_a_duplicate(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Duplicates each client's descriptor, and forgets to close the other one."""
    while True:
        client = listener.accept()[0]
        os.dup(client.fileno())
        threading.Thread(target=_guarded, args=(echoes, client), daemon=True).start()


def asks_for_the_name(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Asks who has connected, and does not expect that it has reset meanwhile."""
    while True:
        client = listener.accept()[0]
        client.getpeername()
        threading.Thread(target=_guarded, args=(echoes, client), daemon=True).start()
