"""What a sick server looks like from outside: its processor time, memory and queue while clients act, what comes back.

A meter reads the server's own clock and pages, and the kernel's list of sockets, from another process, some twenty
times a second, so it costs the server nothing. Shares are of one core. Sources: clock_getcpuclockid(3),
proc_pid_statm(5), proc_net(5).
"""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from iomux.processes.server import start
from iomux.servers import Serve
from iomux.system.features import available
from iomux.system.procfs import queues
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

EVERY_SECONDS = 0.05
_PIECE_BYTES = 64 * 1024
_MARK_BYTES = 16
Visit = Callable[[Address], None]
"""What clients do, given the server's address."""


def watch(server: str | Serve, visit: Visit, seconds: float = 1.5) -> "pd.DataFrame":
    """Start a server, let clients act from the first half second on, and meter it; it is stopped at the end.

    One row a reading: `t_s`, `cpu_percent` of a core since the reading before, `memory_mib` more than at first, and
    `waiting`, the clients whose bytes lie in the kernel unread, accepted or not (NaN where the feature queues is
    missing). The visit is over when it returns, or when the server is stopped. Raises ServerError if it ends meanwhile.

    Example:
    >>> from iomux.course.clinic.symptoms import watch
    >>> frame = watch("poll", lambda address: None, seconds=0.3)
    >>> list(frame.columns)
    ['t_s', 'cpu_percent', 'memory_mib', 'waiting']
    """
    import pandas as pd

    rows: list[dict[str, float]] = []
    with start(server) as running:
        timer = threading.Timer(seconds / 3, _visit, (visit, running.address))
        timer.start()
        began = then = time.monotonic()
        used, at_first = running.cpu().total, running.rss_bytes
        while then < began + seconds:
            time.sleep(EVERY_SECONDS)
            now, total = time.monotonic(), running.cpu().total
            grown = (running.rss_bytes - at_first) / (1 << 20)
            percent, waiting = 100 * (total - used) / (now - then), _waiting(running.address)
            rows.append({"t_s": now - began, "cpu_percent": percent, "memory_mib": grown, "waiting": waiting})
            then, used = now, total
    timer.join()
    frame = pd.DataFrame(rows)
    frame.attrs["visit_s"] = seconds / 3
    return frame


def _waiting(address: Address) -> float:
    if not available("queues"):
        return float("nan")
    seen = queues(address)
    return float(((seen["state"] != "LISTEN") & (seen["unread_bytes"] > 0)).sum())


def _visit(visit: Visit, address: Address) -> None:
    with contextlib.suppress(OSError):  # the server is stopped, or sends the visitor away: the meter tells the rest
        visit(address)


def come_back(
    server: str | Serve, size: int, pause: float = 0.3, seconds: float = 0.7, sip: float = 0.0
) -> "pd.DataFrame":
    """Send `size` bytes to an echo server, read after `pause` seconds, until nothing has come for `seconds`.

    sip: seconds between two readings of a reader that is slow. One row a reading: `t_s`, `back_mib` so far, and
    `missing_kib`, how many bytes before the last ones were sent and never came. The bytes are random, so that each
    place of them can be told from any other.

    Example:
    >>> from iomux.course.clinic.symptoms import come_back
    >>> frame = come_back("poll", size=1 << 16, pause=0, seconds=0.1)
    >>> 1024 * float(frame["back_mib"].max())
    64.0
    """
    import pandas as pd

    sent, got = random.Random(5).randbytes(size), bytearray()
    with start(server) as running, socket.create_connection(running.address, timeout=seconds) as client:
        threading.Thread(target=_send, args=(client, sent), daemon=True).start()
        began, rows, place = time.monotonic(), [(0.0, 0.0, 0.0)], 0
        time.sleep(pause)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while len(got) < size and (piece := client.recv(_PIECE_BYTES)):
                got += piece
                place = max(place, sent.find(piece[-_MARK_BYTES:], place) + len(piece[-_MARK_BYTES:]))
                rows.append((time.monotonic() - began, len(got) / (1 << 20), (place - len(got)) / 1024))
                time.sleep(sip)
    return pd.DataFrame(rows, columns=["t_s", "back_mib", "missing_kib"])


def _send(client: socket.socket, data: bytes) -> None:
    sent, view = 0, memoryview(data)
    with contextlib.suppress(OSError):  # the reader gives up, and closes
        while sent < len(data):  # not sendall: that has one deadline for all of it
            sent += client.send(view[sent : sent + _PIECE_BYTES])
