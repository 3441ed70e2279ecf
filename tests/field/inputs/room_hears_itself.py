"""Wrong: a room, a thread for each member, that sends what one says to that one as well."""

import contextlib
import threading

from common import threads

members, changing = [], threading.Lock()


def serve(listener):
    def talk(client):
        client.settimeout(None)
        with changing:
            members.append(client)
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                with changing:
                    for member in members:
                        with contextlib.suppress(OSError):
                            member.sendall(data)
        with changing:
            members.remove(client)

    threads(listener, talk)
