"""How fair a server is, counted in bytes and not in time.

The server is held still (SIGSTOP), a flood is queued for it as deep as the kernel's buffers are, and one small message
of another client after that. When it goes on, the kernel stamps what comes back (SO_TIMESTAMPNS, socket(7)): the part
of the flood that was answered before the small message says how long the server stayed with the flooder.

How soon this process gets a core plays no part. The flood lies in the kernel when the server goes on, more of it than
a fair server takes in one turn, and so does the room for its answers: nothing is sent or read by us until the small
message is answered. A reader beside it would decide the outcome: where it is slow, the answers no longer fit, the
server turns to the other client because it has to, and looks fair.
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
_UNREAD_SECONDS = 1.0  # so long nothing is read: a server that waits for its answers to be taken then goes on
_FULL_SECONDS = 0.5  # what the kernel has not taken after that it has no room for
_TURN = b"my turn?"
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
    if (stamps := feature("timestamps")) is not None and (reason := stamps.why_not()):
        raise NotSeen(reason)
    with connect(subject) as one, connect(subject) as other:
        flooder, polite = (one, other) if flooder_first else (other, one)
        ask(polite, b"polite", "the other client")
        shared_out = _threads(subject) > 1 and not _one_does_it_all(subject, flooder, polite)
        for client in (flooder, polite):
            ask_for_stamps(client)
        time.sleep(0.05)  # stamps begin a few ms after they were asked for
        _wait_for(flooder, _ROOM_BYTES)
        with stopped(subject):
            queued = _queue(flooder)
            polite.sendall(_TURN)
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


def _wait_for(flooder: socket.socket, count: int) -> None:
    """Let its socket wait for so many bytes before it tells us of any (SO_RCVLOWAT, socket(7)).

    While it waits the kernel has room for them, up to half of tcp_rmem's largest, and acknowledges each second segment
    at once though nobody reads (net/ipv4/tcp.c, tcp_set_rcvlowat; tcp_input.c, __tcp_ack_snd_check; Linux 4.18). So
    nothing stays behind in the server's send buffer, and the stamps are of the moment at which the server sent.
    """
    flooder.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def _queue(flooder: socket.socket) -> int:
    """Lay a flood between us and a server that stands still; return its bytes. NotSeen if the kernel holds too few."""
    queued = 0
    flooder.settimeout(_FULL_SECONDS)
    with contextlib.suppress(TimeoutError):
        while queued < _FLOOD_BYTES:
            queued += flooder.send(bytes(_PIECE_BYTES))
    flooder.settimeout(PATIENCE)
    if queued < _LEAST_QUEUED:
        raise NotSeen("too little fits into the kernel's buffers here to tell who comes first: tcp(7), tcp_wmem")
    return queued


def _answers(flooder: socket.socket, polite: socket.socket, queued: int) -> int:
    """How many bytes of the flood came back before the small message did, by the kernel's stamps."""
    polite.settimeout(_UNREAD_SECONDS)
    answer = _read(polite, len(_TURN))
    _wait_for(flooder, 1)
    flood = _read(flooder, queued)
    polite.settimeout(PATIENCE)
    answer += _read(polite, len(_TURN) - sum(len(data) for _, data in answer))
    if not answer:
        raise Fault("the other client was not answered at all beside a flood")
    compare(_TURN, b"".join(data for _, data in answer), "nothing more came", "beside a flood the other client")
    first = answer[0][0]
    return sum(len(data) for stamp, data in flood if stamp < first)


def _read(client: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Up to `count` bytes in small pieces, each with its stamp: it is of the last segment of what one call returns."""
    came = []
    with contextlib.suppress(OSError):  # nothing more comes
        while count > 0:
            data, ancillary, _, _ = client.recvmsg(min(count, _PIECE_BYTES), ANCILLARY_BYTES)
            if not data:
                break
            came.append((stamp_in(ancillary), data))
            count -= len(data)
    return came
