"""Wrong: each client has a thousand messages, and is shown out with the next: a count of what was to be a stream."""

import contextlib

from common import threads

_MOST = 1000


def serve(listener):
    def talk(client):
        with client, contextlib.suppress(OSError):
            for _ in range(_MOST):
                if not (data := client.recv(65536)):
                    return
                client.sendall(data)

    threads(listener, talk)
