"""Wrong: one table of what is owed, and a reset clears the table, and not the place of who has gone."""

import contextlib
import selectors

from common import accept


def serve(listener):
    owed, selector = {}, selectors.DefaultSelector()
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, event in selector.select():
            client = key.fileobj
            with contextlib.suppress(BlockingIOError):
                if client is listener:
                    accept(listener, selector)
                elif not _step(client, event, owed):
                    selector.unregister(client)
                    client.close()
                elif client.fileno() >= 0:
                    selector.modify(client, selectors.EVENT_WRITE if owed.get(client) else selectors.EVENT_READ)


def _step(client, event, owed):
    try:
        if event & selectors.EVENT_READ:
            if not (data := client.recv(65536)):
                return False
            owed[client] = owed.get(client, b"") + data
        with contextlib.suppress(BlockingIOError):
            if data := owed.pop(client, b""):
                owed[client] = data
                owed[client] = data[client.send(data) :]
    except ConnectionError:
        owed.clear()
        return False
    return True
