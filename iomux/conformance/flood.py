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

from iomux.conformance.clients import MIB, ask, connect, message, sending
from iomux.conformance.subject import PATIENCE, Fault, NotSeen, Subject, processes, stopped
from iomux.facilities import find
from iomux.harness.trace import ANCILLARY_BYTES, ask_for_stamps, stamp_in

_WARM_BYTES = 8 * MIB  # the kernel's buffers grow with use: tcp(7), tcp_rmem and tcp_wmem
_FLOOD_BYTES = 32 * MIB
_LEAST_QUEUED = 2 * MIB
_PIECE_BYTES = 64 * 1024


def flooded_bytes(subject: Subject, flooder_first: bool) -> int:
    """How many bytes of a flood were answered before a small message of another client that came after it.

    flooder_first: whether the flooder is the older client. With several threads or processes the kernel's scheduler
    decides who is next, in slices of milliseconds: then 0, if the other client is answered at all. Raises Fault if it
    is not, NotSeen where there are no stamps or no process to hold still.
    """
    if (stamps := find("timestamps")) is not None and (reason := stamps.why_not()):
        raise NotSeen(reason)
    with connect(subject) as one, connect(subject) as other:
        flooder, polite = (one, other) if flooder_first else (other, one)
        ask(polite, b"polite", "the other client")
        _warm(flooder)
        shared_out = _threads(subject) > 1
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


def _warm(flooder: socket.socket) -> None:
    data = message(_WARM_BYTES)
    with sending(flooder, data):
        left = len(data)
        while left:
            left -= len(flooder.recv(MIB)) or left


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
