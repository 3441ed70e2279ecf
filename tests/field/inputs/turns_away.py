"""Right: it has 200 places, and closes at once who finds none: nobody waits."""

import threading

from common import echo, threads


def serve(listener):
    places = threading.BoundedSemaphore(200)

    def talk(client):
        if not places.acquire(blocking=False):
            client.close()
            return
        try:
            echo(client)
        finally:
            places.release()

    threads(listener, talk)
