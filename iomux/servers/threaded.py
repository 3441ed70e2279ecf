"""Threaded: the blocking server, with a thread for each client.

The code of `blocking` is unchanged; the kernel's scheduler does the multiplexing. It is the oldest answer
to "the second client waits", and with a few hundred clients often the right one. Each thread costs a
stack, and a context switch whenever its client sends something. In CPython the interpreter lock lets only
one thread at a time run Python code (PEP 703 describes it).

Cost: two system calls and two context switches for each request; memory for each client. Sources: pthreads(7).
"""

import socket
import threading
from typing import NoReturn

from iomux.servers.blocking import accept_one, converse
from iomux.servers.connection import REFUSED, Handler, echo, log_error


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve each client of `listener` in a separate thread. Never returns."""
    listener.setblocking(True)
    while True:
        client = accept_one(listener)
        try:
            threading.Thread(target=converse, args=(client, handler), daemon=True).start()
        except RuntimeError as error:  # "can't start new thread": a limit of the machine, pthread_create(3)
            client.close()
            log_error(f"iomux: {REFUSED}, and others may be: {error}")
