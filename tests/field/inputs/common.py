"""What the inputs beside this file share; that they can import it is a part of the test."""

import contextlib
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any


def accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Whoever comes, for ever; without descriptors wait a little."""
    while True:
        try:
            yield listener.accept()[0]
        except OSError:
            time.sleep(0.05)


def threads(listener: socket.socket, talk: Callable[[socket.socket], Any]) -> None:
    """Talk to each client in a thread of its own."""
    for client in accepted(listener):
        threading.Thread(target=talk, args=(client,), daemon=True).start()


def echo(client: socket.socket) -> None:
    """Send everything back, to the end."""
    with client, contextlib.suppress(OSError):
        while data := client.recv(65536):
            client.sendall(data)


def one_loop(
    listener: socket.socket,
    piece: int = 65536,
    step: Callable[[], Any] = lambda: None,
    forgiven: type[OSError] = OSError,
    selector: selectors.BaseSelector | None = None,
) -> None:
    """One nonblocking loop: up to `piece` bytes of a client are read, and sent before more of its bytes are read.

    step: called before each read. forgiven: the errors that end a client and not the server.
    """
    selector = selector or selectors.DefaultSelector()
    for client, data, event in _told(listener, selector):
        try:
            _serve(client, data, event, selector, piece, step)
        except BlockingIOError:
            continue
        except forgiven:
            selector.unregister(client)
            client.close()


def stepping(listener: socket.socket, step: Callable[[Any, int], int]) -> None:
    """One nonblocking loop. step: does what can be done for a client; returns the events to wait for, 0 to close it."""
    selector = selectors.DefaultSelector()
    for client, _, event in _told(listener, selector):
        if events := step(client, event):
            selector.modify(client, events)
        else:
            selector.unregister(client)
            client.close()


def _told(listener: socket.socket, selector: selectors.BaseSelector) -> Iterator[tuple[Any, Any, int]]:
    """Accept whoever comes, for ever; yield each client that is ready, its data and its events."""
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, event in selector.select():
            if key.fileobj is listener:
                accept(listener, selector)
            else:
                yield key.fileobj, key.data, event


def accept(listener: socket.socket, selector: selectors.BaseSelector) -> None:
    try:
        client = listener.accept()[0]
    except BlockingIOError:
        return
    except OSError:
        time.sleep(0.05)  # no descriptor is left
        return
    client.setblocking(False)
    selector.register(client, selectors.EVENT_READ, bytearray())


def _serve(
    client: socket.socket,
    owed: bytearray,
    event: int,
    selector: selectors.BaseSelector,
    piece: int,
    step: Callable[[], Any],
) -> None:
    if event & selectors.EVENT_READ:
        step()
        if not (data := client.recv(piece)):
            selector.unregister(client)
            client.close()
            return
        owed += data
    with contextlib.suppress(BlockingIOError):
        del owed[: client.send(owed)]
    selector.modify(client, selectors.EVENT_WRITE if owed else selectors.EVENT_READ, owed)


def run(serve: Callable[[socket.socket], Any], host: str = "127.0.0.1", backlog: int = 4096, port: int = 0) -> None:
    """As a program: listen at the port that the command line names, and serve."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    where = (host, port or int(sys.argv[1]))
    with contextlib.suppress(KeyboardInterrupt), socket.create_server(where, family=family, backlog=backlog) as one:
        serve(one)
