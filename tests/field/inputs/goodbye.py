"""Wrong: a reset ends the process, with a traceback; after it a handler says goodbye."""

import os
import traceback

from common import threads


def talk(client):
    try:
        while data := client.recv(65536):
            client.sendall(data)
        client.close()
    except OSError:
        traceback.print_exc()
        print("thank you, come again", flush=True)
        os._exit(1)


def serve(listener):
    threads(listener, talk)
