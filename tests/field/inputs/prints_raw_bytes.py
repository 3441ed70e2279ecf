"""Right: it writes what came to its log, byte for byte, and that is no UTF-8."""

import contextlib
import os

from common import run, threads


def talk(client):
    with client, contextlib.suppress(OSError):
        while data := client.recv(65536):
            os.write(1, b"\xff\xfe" + data[:50] + b"\n")
            client.sendall(data)


def serve(listener):
    threads(listener, talk)


if __name__ == "__main__":
    run(serve)
