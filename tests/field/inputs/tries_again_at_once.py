"""Wrong in one way: to whom it owes bytes it tries to send them again and again, and does not wait for room."""

import contextlib
import selectors

from common import accept


def serve(listener):
    owed, selector = {}, selectors.DefaultSelector()
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select(0 if owed else None):
            with contextlib.suppress(BlockingIOError):
                if key.fileobj is listener:
                    accept(listener, selector)
                else:
                    _read(key.fileobj, owed, selector)
        for client in list(owed):
            _send(client, owed, selector)


def _read(client, owed, selector):
    try:
        data = client.recv(65536)
    except ConnectionError:
        data = b""
    if data:
        owed[client] = data
    selector.unregister(client)  # nothing more is read until that is sent
    if not data:
        client.close()


def _send(client, owed, selector):
    try:
        owed[client] = owed[client][client.send(owed[client]) :]
    except BlockingIOError:
        return
    except ConnectionError:
        del owed[client]
        client.close()
        return
    if not owed[client]:
        del owed[client]
        selector.register(client, selectors.EVENT_READ)
