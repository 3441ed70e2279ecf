"""Right as a program; its loop stands at the top, so an import of it never ends."""

import socket
import sys

from common import echo, threads

port = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdigit() else 0
listener = socket.create_server(("127.0.0.1", port), backlog=4096)
threads(listener, echo)
