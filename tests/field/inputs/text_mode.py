"""Wrong: it treats what comes as a text file of another system: CR LF becomes LF."""

import contextlib

from common import threads


def serve(listener):
    def talk(client):
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                client.sendall(data.replace(b"\r\n", b"\n"))

    threads(listener, talk)
