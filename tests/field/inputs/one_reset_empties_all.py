"""Wrong: one table of what is owed, and a reset clears the table, and not the place of who has gone."""

import contextlib
from selectors import EVENT_READ, EVENT_WRITE

from common import stepping


def serve(listener):
    owed = {}

    def step(client, event):
        try:
            if event & EVENT_READ:
                if not (data := client.recv(65536)):
                    owed.pop(client, None)
                    return 0
                owed[client] = data
            with contextlib.suppress(BlockingIOError):
                owed[client] = owed.get(client, b"")[client.send(owed.get(client, b"")) :]
        except ConnectionError:
            owed.clear()
            return 0
        return EVENT_WRITE if owed.get(client) else EVENT_READ

    stepping(listener, step)
