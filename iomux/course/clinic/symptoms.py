"""Symptoms of a bug as seen from outside: processor time, memory and waiting clients, and the bytes that come back.

A meter reads the server's CPU clock and memory pages, and the kernel's list of sockets, from another process, about
twenty times a second, so it costs the server nothing. Shares are of one core. Sources: clock_getcpuclockid(3),
proc_pid_statm(5), sock_diag(7).
"""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from iomux.processes.start import start
from iomux.servers import Serve
from iomux.system.features import available
from iomux.system.machine import Switches, context_switches, switched
from iomux.system.sock_diag.at_port import sockets_at
from iomux.system.sock_diag.other_end import LISTEN
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

EVERY_SECONDS = 0.05
FEWEST_READINGS = 5
"""Fewer than these tell nothing of some seconds."""
_PIECE_BYTES = 64 * 1024
_MARK_BYTES = 16
Visit = Callable[[Address], None]
"""What the clients do, given the server's address."""


def watch(server: str | Serve, visit: Visit, seconds: float = 1.5) -> "pd.DataFrame":
    """Start a server, let clients act after a third of the time, meter it meanwhile, and stop it at the end.

    seconds: how long the server is watched, from before the visit to the end.

    One row per reading: `t_s`, `cpu_percent` of a core since the last reading, `sleeps` since then, the times at which
    the server went to sleep (NaN if the system does not count them), `memory_mib` above the first reading, and
    `waiting`, the clients with unread bytes in the kernel, accepted or not (NaN if the feature queues is missing).
    The visit ends when it returns, or when the server is stopped. Raises ServerError if the server ends by itself.

    Example:
    >>> from iomux.course.clinic.symptoms import watch
    >>> frame = watch("poll", lambda address: None, seconds=0.3)
    >>> list(frame.columns)
    ['t_s', 'cpu_percent', 'sleeps', 'memory_mib', 'waiting']
    """
    import pandas as pd

    rows: list[dict[str, float]] = []
    with start(server) as running:
        timer = threading.Timer(seconds / 3, _visit, (visit, running.address))
        timer.start()
        began = then = time.monotonic()
        used, at_first, slept = running.cpu().total, running.rss_bytes, context_switches(running.pid)
        while then < began + seconds:
            time.sleep(EVERY_SECONDS)
            now, total = time.monotonic(), running.cpu().total
            grown = (running.rss_bytes - at_first) / (1 << 20)
            percent, waiting = 100 * (total - used) / (now - then), _waiting(running.address)
            sleeps = _sleeps(slept, slept := context_switches(running.pid))
            row = {"t_s": now - began, "cpu_percent": percent, "sleeps": sleeps}
            rows.append(row | {"memory_mib": grown, "waiting": waiting})
            then, used = now, total
    timer.join()
    frame = pd.DataFrame(rows)
    frame.attrs["visit_s"] = seconds / 3
    return frame


def watch_all(servers: Mapping[str, str | Serve], visit: Visit, seconds: float = 1.5) -> "dict[str, pd.DataFrame]":
    """Watch several servers at the same time, each with clients of its own: by label, what `watch` returns.

    Example:
    >>> from iomux.course.clinic.symptoms import watch_all
    >>> list(watch_all({"a server": "poll"}, lambda address: None, seconds=0.3))
    ['a server']
    """
    with ThreadPoolExecutor(len(servers)) as pool:
        return dict(zip(servers, pool.map(lambda server: watch(server, visit, seconds), servers.values()), strict=True))


def seldom_read(meters: Mapping[str, Sized]) -> str:
    """Why these meters cannot tell, for the doubt of a verdict: one was hardly ever read; empty if all were.

    It is the meter's process that got no core, whatever the server did.

    Example:
    >>> from iomux.course.clinic.symptoms import seldom_read
    >>> seldom_read({"a server": range(2)}), seldom_read({"a server": range(40)})
    ('the machine was busy: a meter was read 2 times only', '')
    """
    fewest = min(len(frame) for frame in meters.values())
    return "" if fewest >= FEWEST_READINGS else f"the machine was busy: a meter was read {fewest} times only"


def _sleeps(before: dict[int, Switches], after: dict[int, Switches]) -> float:
    since = switched(before, after)
    return float(since.voluntary) if since else float("nan")


def _waiting(address: Address) -> float:
    if not available("queues"):
        return float("nan")
    port = address[1]
    return float(sum(one.local == port and one.state != LISTEN and one.unread > 0 for one in sockets_at(port)))


def _visit(visit: Visit, address: Address) -> None:
    with contextlib.suppress(OSError):  # the server was stopped, or closed the connection: the meter shows the rest
        visit(address)


def come_back(
    server: str | Serve, size: int, pause: float = 0.3, seconds: float = 0.7, sip: float = 0.0
) -> "pd.DataFrame":
    """Send `size` bytes to an echo server; read from `pause` seconds on, until nothing has arrived for `seconds`.

    sip: seconds between two reads, for a slow reader. One row per read: `t_s`, `back_mib` so far, and `missing_kib`,
    the sent bytes that never came, counted up to the last ones received. The bytes are random, so that any piece of
    them has only one possible place.

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
    with contextlib.suppress(OSError):  # the reader gives up and closes
        while sent < len(data):  # not sendall: that has one deadline for all bytes
            sent += client.send(view[sent : sent + _PIECE_BYTES])
