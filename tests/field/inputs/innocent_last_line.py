"""Wrong: a reset ends the process with status 4; the last line of its log is an access line, which is no cause."""

import os

from common import threads


def talk(client):
    try:
        while data := client.recv(65536):
            client.sendall(data)
        client.close()
    except OSError:
        os._exit(4)


def serve(listener):
    print("GET / 200 all is well", flush=True)
    threads(listener, talk)
