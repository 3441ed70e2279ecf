"""Items about what remains of what is over: memory of bytes that were answered, and children that have ended.

Both are judged by slope, not by rise. A garbage-collected heap breathes by tens of MiB and stays flat; a server that
keeps all that was ever said grows by as much as is said, for ever. A few children may wait to be waited for; of a
server that never waits there is one more with each client, and each has a place in the system's table of processes.
"""

import socket
import time

import psutil

from iomux.conformance.echo.visits import BLOCKS, ended, is_a_leak, living, skip_if_collected
from iomux.conformance.trial.clients import MIB, ask, connect, eventually, message
from iomux.conformance.trial.items import item, warm_up
from iomux.conformance.trial.patience import collected_late, stretched
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, processes, rss_bytes

_TURN_BYTES = 64 * 1024
_WARM_UP, _FLAT, _ENOUGH = 16 * MIB, 24 * MIB, 256 * MIB
_WARM_UP_SECONDS, _FLAT_SECONDS, _HALF_SECONDS = 1.5, 3.0, 6.0  # a slow server says less: enough, if it is flat
_LEAST = MIB
_HALVES_OF_A_HEAP = 8
_SMALL, _MOST_A_BLOCK = 1500, 1500 * 200
_BLOCK_SECONDS, _SMALL_SECONDS = 4.0, 20.0
_SURE = 8 * MIB  # Go collects for the first time at 4 MiB
_KEPT = 0.25
"""The share of what was said that a server must keep to fail: one that keeps all keeps it once or more."""
_FIRST, _VISITS = 24, 120  # socketserver.ForkingMixIn waits for its children when there are 40
_MOST_LEFT = 80


@item(
    "history",
    points=2,
    rule="what has been answered is forgotten",
    sent="one client sends more than 40 MiB in messages of 64 KiB, and then thousands of 8 bytes, each answered before "
    "the next",
    hint="Each answer was sent, and its bytes are still in memory. Look for a list, a log, a string or a buffer that "
    "only grows: what is appended for each message, and where is it removed?",
    man="Python: tracemalloc; malloc(3), free(3)",
)
def history(subject: Subject) -> None:
    """Check that memory is flat while bytes go through; if it is not, ask on until that is sure."""
    with connect(subject) as client:
        _say(client, _WARM_UP, _WARM_UP_SECONDS)
        before = rss_bytes(subject)
        said = _say(client, _FLAT, _FLAT_SECONDS)
        if said < _LEAST:
            raise NotSeen("the server moves less than 1 MiB in three seconds: too little to see what it keeps")
        if rss_bytes(subject) - before >= _KEPT * said:
            _ask_until_sure(subject, client)
        _forgets_small_ones(subject, client)


def _forgets_small_ones(subject: Subject, client: socket.socket) -> None:
    """Raise Fault if some bytes are kept for each message, however small: a timer, a task, a line of a log.

    Two blocks of messages together that keep little acquit the server; a heap is collected before it has grown so far.
    """
    first, growing, until = rss_bytes(subject), list[int](), time.monotonic() + stretched(_SMALL_SECONDS)
    while time.monotonic() < until:
        before = rss_bytes(subject)
        if not _say_small_ones(client):
            return
        growing.append(rss_bytes(subject) - before)
        if len(growing) > 1 and sum(growing[-2:]) < 2 * _MOST_A_BLOCK:
            return
        if before - first > _SURE and len(growing) > BLOCKS and is_a_leak(growing[-BLOCKS:], _MOST_A_BLOCK):
            skip_if_collected(subject)
            raise Fault(
                "the server keeps memory for each message that it has answered", bytes_each=growing[-1] // _SMALL
            )
    raise NotSeen(
        "the server's memory grows with each message, and it answers too few here to see whether that goes on"
    )


def _say_small_ones(client: socket.socket) -> bool:
    """Say a block of them; False if that takes too long to go on with it."""
    until = time.monotonic() + stretched(_BLOCK_SECONDS)
    with warm_up("echoes"):
        for number in range(_SMALL):
            ask(client, b"%08d" % number)
            if time.monotonic() > until:
                return False
    return True


def _ask_until_sure(subject: Subject, client: socket.socket) -> None:
    """Raise Fault if memory grows with the first half of `_ENOUGH` bytes, and with the second.

    A heap that is collected late has more halves: its young generation may hold the first two.
    """
    for _ in range(_HALVES_OF_A_HEAP if collected_late(subject) else 2):
        before = rss_bytes(subject)
        said = _say(client, _ENOUGH // 2, _HALF_SECONDS)
        grown = rss_bytes(subject) - before
        if grown < _KEPT * said:
            return
        if said < _FLAT:
            raise NotSeen("the server's memory grows, and it moves too few bytes here to see whether that goes on")
    skip_if_collected(subject)
    raise Fault("the server's memory grows by what it has answered, and goes on growing", grown_bytes=grown, said=said)


def _say(client: socket.socket, count: int, seconds: float) -> int:
    """Say `count` bytes, or what is answered within `seconds`; return how many. No two messages are alike."""
    said, until = 0, time.monotonic() + seconds
    with warm_up("bulk"):
        while said < count and time.monotonic() < until:
            ask(client, message(_TURN_BYTES, seed=said))
            said += _TURN_BYTES
    return said


@item(
    "children",
    points=1,
    rule="a child process that has ended is waited for",
    sent="24 clients come and leave, one after the other; if ended children are left, 96 more, and then a last one",
    hint="A process that has ended keeps its place in the process table, as a zombie, until its parent has waited for "
    "it. Who waits for your children, and when?",
    man="wait(2) (NOTES), fork(2), signal(7) (SIGCHLD)",
)
def children(subject: Subject) -> None:
    """Check that the number of zombies does not grow with the number of clients."""
    _visit(subject, 1)
    at_first = len(processes(subject))
    _visit(subject, _FIRST)
    if not eventually(lambda: len(living(subject)) < at_first + _FIRST // 2):
        return  # they live on: that is another item's question
    if len(_zombies(subject)) < _FIRST // 2:
        return
    _visit(subject, _VISITS - _FIRST)
    if not eventually(lambda: _few_after_another(subject)):
        raise Fault(
            "the children of clients that have left have ended, and nobody has waited for them: each is a zombie",
            zombies=len(_zombies(subject)),
            clients=_VISITS,
        )


def _few_after_another(subject: Subject) -> bool:
    """Whether few zombies are left when one more client has come and gone: a server may wait when it accepts."""
    _visit(subject, 1)
    return len(_zombies(subject)) <= _MOST_LEFT


def _visit(subject: Subject, count: int) -> None:
    with warm_up("leaks"):
        for _ in range(count):
            with connect(subject) as client:
                ask(client, b"a short visit", "a visitor")


def _zombies(subject: Subject) -> list[psutil.Process]:
    return [process for process in processes(subject) if ended(process)]
