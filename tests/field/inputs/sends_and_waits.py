"""Wrong: one loop that watches its clients for reading only, and waits in sendall for one that does not read."""

import selectors

from common import stepping


def serve(listener):
    def step(client, event):
        client.setblocking(True)
        try:
            data = client.recv(65536)
            client.sendall(data)
        except OSError:
            return 0
        return selectors.EVENT_READ if data else 0

    stepping(listener, step)
