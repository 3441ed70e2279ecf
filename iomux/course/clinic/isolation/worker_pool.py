"""A fixed number of workers, each held by one silent client: no other client is accepted.

Bug: each of 128 threads accepts a client and serves it to its end. 128 silent clients hold them all.
Symptom: no answer, no load, no error. Published: R. Hansen, "Slowloris" (2009), against servers with a worker a
connection; Stevens, UNIX Network Programming, 30.11 (prethreaded servers) has the form.
Cure: a silent client must not hold a scarce resource: here a thread for each client; better, an event loop.
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
    """Fixed. Never returns."""
    while True:
        client = accept_one(listener)
        threading.Thread(target=converse, args=(client, handler), daemon=True).start()
