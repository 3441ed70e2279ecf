"""Wrong: a process for each client; when the client has left, the child goes on to accept clients of its own."""

import os
import signal

from common import accepted, echo


def serve(listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for client in accepted(listener):
        if not os.fork():
            echo(client)
        client.close()
