"""Wrong: threads that are no daemons, so that Ctrl-C ends the program only when each client has left."""

import threading
import time

from common import echo


def serve(listener):
    while True:
        try:
            client = listener.accept()[0]
        except OSError:
            time.sleep(0.05)
            continue
        threading.Thread(target=echo, args=(client,)).start()
