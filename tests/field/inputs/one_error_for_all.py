"""Wrong: whatever goes wrong with one client, all are closed, and the server begins anew."""

import contextlib
import selectors

from common import one_loop


def serve(listener):
    while True:
        with selectors.DefaultSelector() as selector:
            try:
                one_loop(listener, forgiven=BrokenPipeError, selector=selector)
            except ConnectionError:
                clients = [key.fileobj for key in selector.get_map().values() if key.fileobj is not listener]
                for client in clients:
                    with contextlib.suppress(OSError):
                        client.close()
