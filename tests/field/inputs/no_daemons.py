"""Wrong: threads that are no daemons, so that Ctrl-C ends the program only when each client has left."""

import threading

from common import accepted, echo


def serve(listener):
    for client in accepted(listener):
        threading.Thread(target=echo, args=(client,)).start()
