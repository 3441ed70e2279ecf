"""Wrong: one nonblocking loop that calls send once for what it has read, and forgets what that did not take."""

import contextlib
import selectors

from common import stepping


def serve(listener):
    def step(client, event):
        try:
            if not (data := client.recv(65536)):
                return 0
            with contextlib.suppress(BlockingIOError):
                client.send(data)
        except OSError:
            return 0
        return selectors.EVENT_READ

    stepping(listener, step)
