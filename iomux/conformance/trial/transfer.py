"""Large transfers of several clients at once, in one thread: a deadline is on progress, never on the whole.

Each client has bytes to send and expects them back. All are watched with poll(2); only if nothing has moved on any
of them for `PATIENCE` seconds is the server said not to answer: it may be slow, and it may serve one after the other.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from iomux.conformance.trial.clients import CLOSED, MIB, RESET, ask, compare, connect, connect_narrow, message
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.patience import kept_from_working, out_of_patience, ready
from iomux.conformance.trial.recording import RECORDING
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, settled

_STALL_SECONDS, _SOON_SECONDS, _LOOKS = 0.1, 0.2, 4
_ONE_OF_MANY = (
    "What one client does ends that client, and no other: what else do you close, cancel or forget when a call on its "
    "socket fails?"
)
_ROUNDS = 10  # of filling; a server that goes on for longer is only slow, and reading may begin


@dataclass
class Stream:
    """One client's transfer: what it sends, and what has come back."""

    client: socket.socket
    data: bytes
    then_shut_down: bool = False
    """Whether it half-closes after its last byte, and expects the end of the stream."""
    sent: int = 0
    got: bytearray = field(default_factory=bytearray)
    how: str = ""
    """How its answers ended; empty as long as they go on."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to come, or what came is wrong already."""
        return bool(self.how) or (not self.then_shut_down and len(self.got) >= len(self.data))


def fill_all(subject: Subject, streams: list[Stream]) -> None:
    """Send without reading anything until all is sent, or the server is at rest and takes no more."""
    for _ in range(_ROUNDS):
        while sending := {stream.client: stream for stream in streams if stream.sent < len(stream.data)}:
            writable = ready([], sending, _STALL_SECONDS)[1]
            if not sum([_push(sending[client]) for client in writable]):
                break
        settled(subject)
        if not sum(_push(stream) for stream in streams):
            return


def exchange(streams: Iterable[Stream]) -> None:
    """Send and read until each transfer is over, or nothing has moved on any of them for `PATIENCE` seconds."""
    moved = time.monotonic()
    while running := {stream.client: stream for stream in streams if not stream.over}:
        sending = [client for client, stream in running.items() if stream.sent < len(stream.data)]
        readable, writable = ready(running, sending, 0.25)
        if sum([_push(running[client]) for client in writable] + [_pull(running[client]) for client in readable]):
            moved = time.monotonic()
        elif out_of_patience(moved, running):
            for stream in running.values():
                stream.how = "nothing more came"


def is_served(subject: Subject, client: socket.socket) -> bool:
    """Whether a client is served now, and not only when another one has left or has read: known once all is at rest."""
    with contextlib.suppress(OSError):
        client.sendall(b"?")
        for _ in range(_LOOKS):
            settled(subject)
            if ready([client], seconds=_SOON_SECONDS)[0]:
                return client.recv(1) == b"?"
            if not kept_from_working():  # a server that waits for a core looks as if it were at rest
                break
    return False


@contextlib.contextmanager
def bystanders(subject: Subject) -> Iterator[Callable[[str], None]]:
    """Two clients that stay while others misbehave; yields what asks both, afterwards, for what they are due.

    One is served, the other one is owed 1 MiB. None is there if the server serves one client at a time, and only the
    first if a client that does not read holds up others: other items ask that, and whether a long silence is borne.
    """
    with contextlib.ExitStack() as stack:
        served, owed = stack.enter_context(connect(subject)), stack.enter_context(connect_narrow(subject))
        with warm_up("echoes"):
            ask(served, b"I stay")
        stream, since = Stream(owed, message(MIB)), time.monotonic()
        if not is_served(subject, owed):
            stack.close()
        else:
            owe(subject, stream, served)
        yield partial(_are_served, subject, served, stream, since)


def owe(subject: Subject, owed: Stream, other: socket.socket) -> bool:
    """Let a client be owed as much as the server takes; it reads at once if another one is not served before: False.

    Whom such a client holds up is the question of neighbours.
    """
    fill_all(subject, [owed])
    if is_served(subject, other):
        return True
    exchange([owed, Stream(other, b"?", sent=1)])  # or the late answer would be taken for that to its next message
    return False


def _are_served(subject: Subject, served: socket.socket, owed: Stream, since: float, after: str) -> None:
    if served.fileno() < 0:
        return
    which, paused = 0, time.monotonic() - since
    try:
        ask(served, b"and I?", f"after {after}, a client that had stayed")
        which, paused = 1, time.monotonic() - since
        exchange([owed])
        compare(owed.data, bytes(owed.got), owed.how, f"after {after}, a client that was owed bytes")
    except Fault as fault:
        if _also_alone(subject, owed.data, 2 * paused, which):
            return
        fault.hint = fault.hint or _ONE_OF_MANY
        raise


def _also_alone(subject: Subject, data: bytes, seconds: float, which: int) -> bool:
    """Whether such a client meets the same when nothing else happens, but a pause: then it is another item's question.

    seconds: more than its pause; on a busy machine that was longer than it was to be. which: 0 is served, 1 is owed.
    """
    with contextlib.suppress(Fault, NotSeen, OSError):  # it serves nobody any more: that is what was seen
        with RECORDING.paused(), connect(subject) as client:
            for question in (b"at once", b"and again"):
                ask(client, question)
        return not _kept(subject, data, seconds)[which]
    return False


@contextlib.contextmanager
def on_a_busy_machine(subject: Subject, since: float | None = None) -> Iterator[Callable[[], None]]:
    """Raise NotSeen for a fault if only silence (`since`) was too long there. Yields what tells when it was over."""
    began, spoken = time.monotonic() if since is None else since, list[float]()
    try:
        yield lambda: spoken.append(time.monotonic())
    except Fault as fault:
        silent = (spoken or [time.monotonic()])[-1] - began
        if _also_alone(subject, b"?", 2 * silent, 0):
            raise NotSeen(f"{fault.seen}, after some silence: see the item silence", "silence") from None
        raise


def are_kept(subject: Subject, data: bytes, seconds: float) -> bool:
    """Whether two clients that pause so long are served then, of which one is owed bytes meanwhile."""
    return all(_kept(subject, data, seconds))


def _kept(subject: Subject, data: bytes, seconds: float) -> tuple[bool, bool]:
    with RECORDING.paused(), connect(subject) as served, connect_narrow(subject) as narrow:
        exchange([Stream(served, b"I pause")])
        owe(subject, owed := Stream(narrow, data), served)
        time.sleep(seconds)
        exchange([told := Stream(served, b"and now?"), owed])
    return bytes(told.got) == told.data, bytes(owed.got) == data


def _push(stream: Stream) -> int:
    """Send what the kernel takes; return how much that was."""
    before, rest = stream.sent, memoryview(stream.data)
    stream.client.setblocking(False)
    with contextlib.suppress(OSError):  # it takes no more, or the reader will see why
        while stream.sent < len(stream.data):
            stream.sent += stream.client.send(rest[stream.sent : stream.sent + MIB])
        if stream.then_shut_down and before < stream.sent:
            stream.client.shutdown(socket.SHUT_WR)
    return stream.sent - before


def _pull(stream: Stream) -> int:
    """Read what is there, and notice the end, or a byte that is wrong."""
    try:
        piece = stream.client.recv(MIB)
    except BlockingIOError:
        return 0
    except OSError:
        stream.how = RESET
        return 1
    place = len(stream.got)
    stream.got += piece
    if not piece:
        stream.how = CLOSED
    elif not stream.data.startswith(piece, place):
        stream.how = "other bytes came"
    return 1
