"""Wrong: a table with 1,000 places; the next client is accepted, and served when another one has left."""

import threading

from common import echo, threads


def serve(listener):
    places = threading.BoundedSemaphore(1000)

    def talk(client):
        with places:
            echo(client)

    threads(listener, talk)
