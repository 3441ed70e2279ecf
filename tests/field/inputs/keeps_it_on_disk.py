"""Wrong: it reads on from a client that does not read, and puts what it owes into a file, which nothing bounds."""

import contextlib
import tempfile
from selectors import EVENT_READ, EVENT_WRITE

from common import stepping


class Place:
    def __init__(self):
        self.file, self.sent, self.kept = tempfile.TemporaryFile(), 0, 0  # noqa: SIM115, as long as its client stays

    def read(self, client):
        data = client.recv(65536)
        self.file.seek(self.kept)
        self.file.write(data)
        self.kept += len(data)
        return bool(data)

    def send(self, client):
        self.file.seek(self.sent)
        if data := self.file.read(min(65536, self.kept - self.sent)):
            with contextlib.suppress(BlockingIOError):
                self.sent += client.send(data)


def serve(listener):
    places = {}

    def step(client, event):
        place = places[client] = places.get(client) or Place()
        with contextlib.suppress(ConnectionError):
            if not event & EVENT_READ or place.read(client):
                place.send(client)
                return EVENT_READ | (EVENT_WRITE if place.kept > place.sent else 0)
        places.pop(client).file.close()
        return 0

    stepping(listener, step)
