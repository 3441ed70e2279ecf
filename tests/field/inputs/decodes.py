"""Wrong: the thread of a client decodes what came, and ends at the first bytes that are no UTF-8."""

import contextlib

from common import threads


def talk(client):
    with client, contextlib.suppress(OSError):
        while data := client.recv(65536):
            print(len(data.decode()), "characters")
            client.sendall(data)


def serve(listener):
    threads(listener, talk)
