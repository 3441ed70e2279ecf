"""Right: a daemon: it listens, forks twice and its first process ends with status 0."""

import os
import socket
import sys

from common import echo, threads

if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    threads(listener, echo)
