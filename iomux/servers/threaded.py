"""Threaded: a blocking server for each client.

The code of `blocking` stays as it is; the kernel's scheduler does the multiplexing. It is the oldest cure
for "the second client waits", and with a few hundred clients often the right one. Each thread costs a
stack, a switch whenever its client speaks, and in CPython the interpreter lock, which lets one thread run
Python code at a time (PEP 703 describes it).

Cost: beyond the two system calls a request, two context switches; memory per client. Sources: pthreads(7).
"""

import socket
import threading
from typing import NoReturn

from iomux.servers.blocking import accept_one, converse
from iomux.servers.connection import REFUSED, Handler, echo, log_error


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve each client of `listener` in a thread of its own. Never returns."""
    listener.setblocking(True)
    while True:
        client = accept_one(listener)
        try:
            threading.Thread(target=converse, args=(client, handler), daemon=True).start()
        except RuntimeError as error:  # "can't start new thread": a limit of the machine, pthread_create(3)
            client.close()
            log_error(f"iomux: {REFUSED}, and others may be: {error}")
