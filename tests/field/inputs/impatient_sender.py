"""Wrong: a client that takes nothing for a second is given up, whatever it is still owed (SO_SNDTIMEO)."""

import socket
import struct

from common import echo, threads


def serve(listener):
    def talk(client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
        echo(client)

    threads(listener, talk)
