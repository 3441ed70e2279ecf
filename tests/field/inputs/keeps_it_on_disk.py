"""Wrong: it reads on from a client that does not read, and puts what it owes into a file, which nothing bounds."""

import contextlib
import selectors
import tempfile

from common import accept


def serve(listener):
    selector, places = selectors.DefaultSelector(), {}
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, event in selector.select():
            client = key.fileobj
            with contextlib.suppress(BlockingIOError):
                if client is listener:
                    accept(listener, selector)
                elif _step(client, event, places.setdefault(client, [None, 0, 0])):
                    owes = selectors.EVENT_WRITE if places[client][2] > places[client][1] else 0
                    selector.modify(client, selectors.EVENT_READ | owes)
                else:
                    selector.unregister(client)
                    del places[client]
                    client.close()


def _step(client, event, place):
    place[0] = file = place[0] or tempfile.TemporaryFile()  # noqa: SIM115, as long as its client stays
    _, sent, kept = place
    try:
        if event & selectors.EVENT_READ:
            if not (data := client.recv(65536)):
                return False
            file.seek(kept)
            file.write(data)
            place[2] = kept = kept + len(data)
        file.seek(sent)
        with contextlib.suppress(BlockingIOError):
            if data := file.read(min(65536, kept - sent)):
                place[1] += client.send(data)
    except ConnectionError:
        return False
    return True
