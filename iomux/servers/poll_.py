"""poll: passes the whole list to the kernel at every call, like select, but a list of any length.

poll(2) takes an array of descriptors instead of three bit masks, so there is no FD_SETSIZE and no limit
but that of the process. The kernel still walks the whole array at every call: once before it sleeps, and
again when it is woken. With many idle connections that walk takes nearly all of the time.

Cost: per call, in proportion to the watched descriptors; adding and removing one needs no system call (it
changes a dict of the Python object). Sources: poll(2); fs/select.c in the Linux kernel (do_poll).
"""

import select
import socket
from typing import NoReturn

from iomux.servers.connection import Handler, echo
from iomux.servers.readiness import run


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` from one thread that sleeps in poll(2). Never returns."""
    run(listener, handler, select.poll(), unit=1000)
