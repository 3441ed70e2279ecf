"""A bare `except:` keeps the server alive, even against Ctrl-C.

Bug: `except:` also catches KeyboardInterrupt and SystemExit.
Symptom: Ctrl-C does nothing; only `kill -9` does. Published: PEP 8 ("A bare except: clause will catch SystemExit and
KeyboardInterrupt"); pycodestyle E722.
Cure: `except Exception`, and log what was caught.
"""

import select
import socket
from typing import NoReturn

from iomux.course.clinic.loop import begin, one_round
from iomux.servers.connection import Handler, echo, log_error


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    poller, clients = begin(listener, select.poll())
    while True:
        try:
            one_round(listener, handler, poller, clients)
        except:  # noqa: E722 (the planted bug)
            log_error()


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    poller, clients = begin(listener, select.poll())
    while True:
        try:
            one_round(listener, handler, poller, clients)
        except Exception:
            log_error()
