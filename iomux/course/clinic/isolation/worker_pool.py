"""A fixed number of workers, each kept by one silent client: nobody else gets in.

Bug: 128 threads, each accepts a client and serves it to its end. 128 clients that say nothing hold them all.
Symptom: no answer, no load, and no error. Published: R. Hansen, "Slowloris" (2009), against servers with a worker a
connection; Stevens, UNIX Network Programming, 30.11 (prethreaded servers) has the form.
Cure: nothing that is scarce may be held by a client who says nothing: here a thread for each; better, an event loop.
"""

import socket
import threading
from typing import NoReturn

from iomux.servers.blocking import accept_one, converse
from iomux.servers.connection import Handler, echo

_WORKERS = 128


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""

    def work() -> NoReturn:
        while True:
            converse(accept_one(listener), handler)

    for _ in range(_WORKERS):
        threading.Thread(target=work, daemon=True).start()
    while True:
        threading.Event().wait()


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Without it. Never returns."""
    while True:
        client = accept_one(listener)
        threading.Thread(target=converse, args=(client, handler), daemon=True).start()
