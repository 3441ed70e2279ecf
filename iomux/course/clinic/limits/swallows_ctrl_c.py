"""A bare `except:` keeps the server alive, against Ctrl-C too.

Bug: `except:` catches KeyboardInterrupt and SystemExit with everything else.
Symptom: Ctrl-C does nothing; only `kill -9` does. Published: PEP 8 ("A bare except: clause will catch SystemExit and
KeyboardInterrupt"); pycodestyle E722.
Cure: `except Exception`, and say what was caught.
"""

import select
import socket
from typing import NoReturn

from iomux.course.clinic.loop import open_ward, round_
from iomux.servers.connection import Handler, complain, echo


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Sick. Never returns."""
    poller, clients = open_ward(listener, select.poll())
    while True:
        try:
            round_(listener, handler, poller, clients)
        except:  # noqa: E722 (the planted bug)
            complain()


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Cured. Never returns."""
    poller, clients = open_ward(listener, select.poll())
    while True:
        try:
            round_(listener, handler, poller, clients)
        except Exception:
            complain()
