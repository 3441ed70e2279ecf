"""How fair a server is to two clients, counted in bytes and not in time.

The server is stopped (SIGSTOP), a flood from one client fills the kernel's buffers, and then another client sends one
small message. When the server continues, the kernel stamps what comes back (SO_TIMESTAMPNS, socket(7)): the part of
the flood that was answered before the small message says how long the server stayed with the flooder.

How soon this process gets a core plays no part. When the server continues, the kernel already holds more of the flood
than a fair server takes in one turn, and has room for all the answers: we send and read nothing until the small
message is answered. A concurrent reader would decide the outcome: if it were slow, the answers would no longer fit,
and the server would turn to the other client only because it had to, and look fair.
"""

import contextlib
import socket
import time
from pathlib import Path

from iomux.conformance.trial.clients import MIB, ask, compare, connect, expect
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, Subject, processes, stopped
from iomux.system.features import feature
from iomux.system.machine import cpu_time
from iomux.system.timestamps import ANCILLARY_BYTES, ask_for_stamps, stamp_in

_FLOOD_BYTES = 4 * MIB
_LEAST_QUEUED = 2560 * 1024
_ROOM_BYTES = 8 * MIB
_UNREAD_SECONDS = 1.0  # nothing is read for that long; a server that waits for room for its answers continues after it
_FULL_SECONDS = 0.5  # bytes that the kernel has not taken by then do not fit
_TURN = b"my turn?"
_PIECE_BYTES = 64 * 1024
_ROUNDS, _BUSY_BYTES = 10, 256 * 1024
_BETWEEN_SECONDS = 0.003
_SETTLE_SECONDS = 0.03
_NOTHING_SECONDS = 2e-6  # a thread that is woken at all runs for longer


def flooded_bytes(subject: Subject, flooder_first: bool) -> int:
    """How many bytes of a flood were answered before another client's small message, which arrived after the flood.

    flooder_first: whether the flooder is the older client. If several threads or processes serve the two, the
    kernel's scheduler decides who is next, in slices of milliseconds: then 0, if the other client is answered at all.
    Raises Fault if it is not, NotSeen if there are no stamps or no process that can be stopped.
    """
    if (stamps := feature("timestamps")) is not None and (reason := stamps.why_not()):
        raise NotSeen(reason)
    with connect(subject) as one, connect(subject) as other:
        flooder, polite = (one, other) if flooder_first else (other, one)
        ask(polite, b"polite", "the other client")
        shared_out = _threads(subject) > 1 and not _one_thread_serves_both(subject, flooder, polite)
        for client in (flooder, polite):
            ask_for_stamps(client)
        time.sleep(0.05)  # the kernel starts stamping a few ms after the request
        _set_low_water_mark(flooder, _ROOM_BYTES)
        with stopped(subject):
            queued = _queue(flooder)
            polite.sendall(_TURN)
        answered = _answers(flooder, polite, queued)
    return 0 if shared_out else answered


def _threads(subject: Subject) -> int:
    return sum(process.num_threads() for process in processes(subject))


def _one_thread_serves_both(subject: Subject, flooder: socket.socket, polite: socket.socket) -> bool:
    """Whether one thread serves both clients even when they send at once: then no other thread runs at all.

    It is tested before the flood, because SIGSTOP and SIGCONT wake each thread. In doubt, False.
    """
    time.sleep(_SETTLE_SECONDS)  # for threads that accepted the clients
    threads, total = _thread_seconds(subject), _seconds(subject)
    for _ in range(_ROUNDS):
        flooder.sendall(bytes(_BUSY_BYTES))
        polite.sendall(b"who?")  # while the flooder is being served
        expect(flooder, bytes(_BUSY_BYTES))
        expect(polite, b"who?")
        time.sleep(_BETWEEN_SECONDS)  # until all threads that wait together wait again
    time.sleep(_SETTLE_SECONDS)
    total = _seconds(subject) - total  # including threads that have started and ended meanwhile
    most = max((now - threads.get(stat, 0.0) for stat, now in _thread_seconds(subject).items()), default=0.0)
    return total - most < _NOTHING_SECONDS


def _seconds(subject: Subject) -> float:
    return sum(cpu_time(process.pid).total for process in processes(subject))


def _thread_seconds(subject: Subject) -> dict[Path, float]:
    """Seconds for which each thread has run (Documentation/scheduler/sched-stats.rst); empty if not counted."""
    found = {}
    for process in processes(subject):
        for stat in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # it has just ended
                found[stat] = int(stat.read_text().split()[0]) / 1e9
    return found


def _set_low_water_mark(flooder: socket.socket, count: int) -> None:
    """Set the socket's low-water mark: it becomes readable with `count` bytes (SO_RCVLOWAT, socket(7)).

    Up to the mark the kernel makes room, at most half of tcp_rmem's maximum, and acknowledges every second segment at
    once although nothing reads (net/ipv4/tcp.c, tcp_set_rcvlowat; tcp_input.c, __tcp_ack_snd_check; Linux 4.18). So
    nothing remains in the server's send buffer, and each stamp is the moment at which the server sent.
    """
    flooder.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def _queue(flooder: socket.socket) -> int:
    """Send a flood to the stopped server and return its bytes. Raises NotSeen if the kernel holds too few."""
    queued = 0
    flooder.settimeout(_FULL_SECONDS)
    with contextlib.suppress(TimeoutError):
        while queued < _FLOOD_BYTES:
            queued += flooder.send(bytes(_PIECE_BYTES))
    flooder.settimeout(PATIENCE)
    if queued < _LEAST_QUEUED:
        raise NotSeen("the kernel's buffers are too small here to see who is served first: tcp(7), tcp_wmem")
    return queued


def _answers(flooder: socket.socket, polite: socket.socket, queued: int) -> int:
    """How many bytes of the flood came back before the small message did, by the kernel's stamps."""
    polite.settimeout(_UNREAD_SECONDS)
    answer = _read(polite, len(_TURN))
    _set_low_water_mark(flooder, 1)
    flood = _read(flooder, queued)
    polite.settimeout(PATIENCE)
    answer += _read(polite, len(_TURN) - sum(len(data) for _, data in answer))
    if not answer:
        raise Fault("the other client was not answered at all during a flood")
    compare(_TURN, b"".join(data for _, data in answer), "nothing more came", "during a flood the other client")
    first = answer[0][0]
    return sum(len(data) for stamp, data in flood if stamp < first)


def _read(client: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Up to `count` bytes in small pieces, each with its stamp: that of the last segment that the call returned."""
    came = []
    with contextlib.suppress(OSError):  # nothing more comes
        while count > 0:
            data, ancillary, _, _ = client.recvmsg(min(count, _PIECE_BYTES), ANCILLARY_BYTES)
            if not data:
                break
            came.append((stamp_in(ancillary), data))
            count -= len(data)
    return came
