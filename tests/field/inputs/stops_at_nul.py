"""Wrong: an answer ends before the first NUL of a message, as a string does in C."""

import contextlib

from common import threads


def talk(client):
    with client, contextlib.suppress(OSError):
        while data := client.recv(65536):
            client.sendall(data.partition(b"\0")[0])


def serve(listener):
    threads(listener, talk)
