"""How fair a server is, counted in bytes and not in time.

The server is held still (SIGSTOP), a flood is queued for it as deep as the kernel's buffers are, and one small message
of another client after that. When it goes on, the kernel stamps what comes back (SO_TIMESTAMPNS, socket(7)): the part
of the flood that was answered before the small message says how long the server stayed with the flooder. How soon this
process gets to read it all plays no part.
"""

import contextlib
import socket
import threading
import time
from pathlib import Path

from iomux.conformance.clients import MIB, ask, connect, expect, message, sending
from iomux.conformance.subject import PATIENCE, Fault, NotSeen, Subject, processes, stopped
from iomux.facilities import find
from iomux.harness.machine import cpu_time
from iomux.harness.trace import ANCILLARY_BYTES, ask_for_stamps, stamp_in

_WARM_BYTES = 8 * MIB  # the kernel's buffers grow with use: tcp(7), tcp_rmem and tcp_wmem
_FLOOD_BYTES = 32 * MIB
_LEAST_QUEUED = 2 * MIB
_PIECE_BYTES = 64 * 1024
_ROUNDS, _BUSY_BYTES = 10, 256 * 1024
_BETWEEN_SECONDS = 0.003
_SETTLE_SECONDS = 0.03
_NOTHING_SECONDS = 2e-6  # a thread that is woken at all runs for longer


def flooded_bytes(subject: Subject, flooder_first: bool) -> int:
    """How many bytes of a flood were answered before a small message of another client that came after it.

    flooder_first: whether the flooder is the older client. Where several threads or processes serve the two, the
    kernel's scheduler decides who is next, in slices of milliseconds: then 0, if the other client is answered at all.
    Raises Fault if it is not, NotSeen where there are no stamps or no process to hold still.
    """
    if (stamps := find("timestamps")) is not None and (reason := stamps.why_not()):
        raise NotSeen(reason)
    with connect(subject) as one, connect(subject) as other:
        flooder, polite = (one, other) if flooder_first else (other, one)
        ask(polite, b"polite", "the other client")
        shared_out = _threads(subject) > 1 and not _one_does_it_all(subject, flooder, polite)
        _warm(flooder)  # last: the buffers are to be as large as they get
        for client in (flooder, polite):
            ask_for_stamps(client)
        time.sleep(0.05)  # stamps begin a few ms after they were asked for
        with stopped(subject):
            queued = _queue(flooder)
            polite.sendall(b"my turn?")
        answered = _answers(flooder, polite, queued)
    return 0 if shared_out else answered


def _threads(subject: Subject) -> int:
    return sum(process.num_threads() for process in processes(subject))


def _one_does_it_all(subject: Subject, flooder: socket.socket, polite: socket.socket) -> bool:
    """Whether one thread alone serves these clients, also when they ask at once: those beside it do not run at all.

    Seen before the flood: SIGSTOP and SIGCONT wake each thread. In doubt, no.
    """
    time.sleep(_SETTLE_SECONDS)  # those who let the clients in
    threads, total = _thread_seconds(subject), _seconds(subject)
    for _ in range(_ROUNDS):
        flooder.sendall(bytes(_BUSY_BYTES))
        polite.sendall(b"who?")  # while whoever serves the other is at it
        expect(flooder, bytes(_BUSY_BYTES))
        expect(polite, b"who?")
        time.sleep(_BETWEEN_SECONDS)  # of several that wait together, all wait again
    time.sleep(_SETTLE_SECONDS)
    total = _seconds(subject) - total  # with the threads that have come and gone meanwhile
    most = max((now - threads.get(stat, 0.0) for stat, now in _thread_seconds(subject).items()), default=0.0)
    return total - most < _NOTHING_SECONDS


def _seconds(subject: Subject) -> float:
    return sum(cpu_time(process.pid).total for process in processes(subject))


def _thread_seconds(subject: Subject) -> dict[Path, float]:
    """Seconds for which each thread has run (Documentation/scheduler/sched-stats.rst); none where nobody counts."""
    found = {}
    for process in processes(subject):
        for stat in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # it has just ended
                found[stat] = int(stat.read_text().split()[0]) / 1e9
    return found


def _warm(flooder: socket.socket) -> None:
    data = message(_WARM_BYTES)
    with sending(flooder, data):
        expect(flooder, data, "the client that floods")


def _queue(flooder: socket.socket) -> int:
    """Send until nothing more fits between us and a server that stands still."""
    queued, block = 0, bytes(MIB)
    flooder.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while queued < _FLOOD_BYTES:
            queued += flooder.send(block)
    flooder.settimeout(PATIENCE)
    if queued < _LEAST_QUEUED:
        raise NotSeen("too little fits into the kernel's buffers here to tell who comes first: tcp(7), tcp_wmem")
    return queued


def _answers(flooder: socket.socket, polite: socket.socket, queued: int) -> int:
    """How many bytes of the flood came back before the small message did, by the kernel's stamps."""
    came: list[tuple[int, int]] = []
    reader = threading.Thread(target=_read_all, args=(flooder, _FLOOD_BYTES, came), daemon=True)
    reader.start()
    with sending(flooder, bytes(_FLOOD_BYTES - queued)):
        try:
            data, ancillary, _, _ = polite.recvmsg(64, ANCILLARY_BYTES)
        except TimeoutError:
            raise Fault("the other client was not answered at all beside a flood") from None
        if data != b"my turn?":
            raise Fault("the other client got other bytes than it had sent")
        reader.join(PATIENCE)
    return sum(size for stamp, size in came if stamp < stamp_in(ancillary))


def _read_all(flooder: socket.socket, count: int, came: list[tuple[int, int]]) -> None:
    """Read in small pieces: a stamp belongs to the last segment of what one call returns."""
    with contextlib.suppress(OSError):
        while count > 0:
            data, ancillary, _, _ = flooder.recvmsg(min(count, _PIECE_BYTES), ANCILLARY_BYTES)
            came.append((stamp_in(ancillary), len(data)))
            count -= len(data) or count
