"""Wrong: what is nothing but white space is taken for a farewell."""

import contextlib

from common import threads


def serve(listener):
    def talk(client):
        with client, contextlib.suppress(OSError):
            while (data := client.recv(65536)) and data.strip():
                client.sendall(data)

    threads(listener, talk)
