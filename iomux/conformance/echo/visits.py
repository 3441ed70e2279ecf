"""The item about what clients leave behind when they have left: descriptors, and memory.

A leak is what goes on for ever: the server's memory grows with each visit, in each of many blocks of visits that follow
one another, by about the same. A heap that is collected, or an allocator's arenas, grow at first, or breathe: some
block is flat, and the others differ.
"""

import contextlib
import socket
import statistics

import psutil

from iomux.conformance.echo.causes import why_it_waits
from iomux.conformance.echo.half_close import OWED_BYTES
from iomux.conformance.trial.clients import CLOSED, MIB, RESET, ask, connect, connect_narrow, eventually, fill, message
from iomux.conformance.trial.items import item, warm_up
from iomux.conformance.trial.patience import collected_late
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, descriptors, processes, rss_bytes, settled
from iomux.conformance.trial.transfer import Stream, exchange, fill_all
from iomux.system.sockets import reset

_FIRST_VISITS = 500
_BLOCK_VISITS, BLOCKS, _MOST_BLOCKS = 1500, 8, 16
_MOST_BYTES_A_VISIT = 200
_ALIKE = 2.5
_MOST_PROCESSES = 4
_SPARE_DESCRIPTORS = 4  # a library may open one or two when it is first used
_OWED_RESETS = 8  # twice the descriptors that are tolerated
_NOT_ITS_END = (
    "A newcomer was closed by what had to do with others. Is a descriptor closed twice? By the second time the kernel "
    "may have given its number to the next client (close(2)). Or is a list changed while it is walked through?"
)
_A_CHILD = (
    "A process for each client has to end with it: what does a child do when its client has left, and its loop is "
    "over? It returns into a copy of all that its parent was doing, unless it ends (_exit(2); Python: os._exit)."
)


@item(
    "leaks",
    points=2,
    long=True,
    rule="clients that come and go leave no descriptor and no memory behind",
    sent="thousands of clients come one after the other; two of three send once, every second one leaves with a reset; "
    "finally 8 clients send as much as the server takes, read nothing, and reset; and 24 send much, half-close, and "
    "then read",
    hint="For each client you keep a socket, and perhaps a queue, a place in a list or a dictionary, an entry in an "
    "interest list. Which of them remain when the client is gone? Check every way out.",
    man="close(2), epoll_ctl(2)",
)
def leaks(subject: Subject) -> None:
    """Test thousands of connects and disconnects, then some while bytes are owed: memory is judged before those."""
    _visits(subject, _SPARE_DESCRIPTORS)
    settled(subject)
    descriptors_before, processes_before = descriptors(subject), len(living(subject))
    _visits(subject, _FIRST_VISITS)
    _no_process_left(subject, processes_before)
    _none_left_open(subject, descriptors_before, "descriptors of clients that have left stay open")
    _memory_stops_growing(subject)
    _none_left_open(subject, descriptors_before, "descriptors of clients that have left stay open")
    descriptors_before = descriptors(subject)
    _resets_in_mid_transfer(subject)
    _none_left_open(subject, descriptors_before, "descriptors of clients that reset while owed bytes stay open")
    _half_closes_in_mid_transfer(subject)
    _none_left_open(subject, descriptors_before, "descriptors of clients that half-closed while owed bytes stay open")


def _memory_stops_growing(subject: Subject) -> None:
    """Look at block after block of visits: two together that keep little acquit the server.

    Of several processes each has a heap of its own, and a part of the visits.
    """
    block = _BLOCK_VISITS * min(len(living(subject)), _MOST_PROCESSES)
    most, growing, before = _MOST_BYTES_A_VISIT * block, list[int](), rss_bytes(subject)
    for _ in range(_MOST_BLOCKS):
        _visits(subject, block)
        now = rss_bytes(subject)
        growing.append(now - before)
        before = now
        if len(growing) > 1 and sum(growing[-2:]) < 2 * most:
            return
        if len(growing) > BLOCKS and is_a_leak(growing[-BLOCKS:], most):
            skip_if_collected(subject)
            grown = int(statistics.median(growing)) // block
            if _kept_of_each_message(subject) > grown / 2:
                raise NotSeen(
                    "the server keeps memory for each message, also of a client that stays: see the item history"
                )
            raise Fault("the server keeps memory for each client that has left", bytes_a_visit=grown)


def is_a_leak(growing: list[int], most: int) -> bool:
    """Whether each block keeps something, and by far the most about the same: a table that is doubled is one jump."""
    usual = statistics.median(growing)
    alike = sum(usual / _ALIKE < grown < usual * _ALIKE for grown in growing)
    return min(growing) > most and alike >= len(growing) - 1


def _kept_of_each_message(subject: Subject) -> float:
    """Bytes that the server keeps for each message of a single client: with visitors they look like kept visits."""
    messages, before = 2 * _BLOCK_VISITS, rss_bytes(subject)
    with connect(subject) as client:
        for _ in range(messages):
            _ask_once(subject, client)
        return (rss_bytes(subject) - before) / messages


def skip_if_collected(subject: Subject) -> None:
    """Raise NotSeen if its heap may only not have been collected yet."""
    if whose := collected_late(subject):
        raise NotSeen(f"the heap of {whose} grows for long before it is collected: leaks can't be told")


def _no_process_left(subject: Subject, before: int) -> None:
    """Raise Fault if for most visitors a process goes on, each of which has descriptors of its own."""
    if not eventually(lambda: len(living(subject)) - before < _FIRST_VISITS / 2):
        raise Fault("the processes of clients that have left go on", _A_CHILD, more=len(living(subject)) - before)


def _none_left_open(subject: Subject, before: int, fault: str) -> None:
    if not eventually(lambda: descriptors(subject) <= before + _SPARE_DESCRIPTORS):
        raise Fault(fault, more=descriptors(subject) - before)


def _resets_in_mid_transfer(subject: Subject) -> None:
    """Reset clients that the server may not read from any more, since it owes them too much: only `send` can fail."""
    data = message(8 * MIB)
    for _ in range(_OWED_RESETS):
        with connect_narrow(subject) as client:
            fill(subject, client, data)
            reset(client)


def _half_closes_in_mid_transfer(subject: Subject) -> None:
    """Half-close while much is owed, and read then: the end of the stream, and of what is owed, come apart."""
    with contextlib.ExitStack() as stack, warm_up("half-close"):
        clients = [stack.enter_context(connect_narrow(subject)) for _ in OWED_BYTES]
        streams = [Stream(client, message(size), True) for client, size in zip(clients, OWED_BYTES, strict=True)]
        fill_all(subject, streams)
        exchange(streams)


def _visits(subject: Subject, count: int) -> None:
    for number in range(count):
        client = connect(subject)
        if number % 3:
            _ask_once(subject, client)
        reset(client) if number % 2 else client.close()


def _ask_once(subject: Subject, client: socket.socket) -> None:
    try:
        ask(client, b"hello and goodbye", "one of thousands of visitors")
    except Fault as fault:
        fault.hint = _NOT_ITS_END if fault.detail.get("how") in (CLOSED, RESET) else why_it_waits(subject, client)
        raise


def living(subject: Subject) -> list[psutil.Process]:
    """The server's processes without those that have ended and were not waited for."""
    return [process for process in processes(subject) if not ended(process)]


def ended(process: psutil.Process) -> bool:
    """Whether a process has ended, also if nobody has waited for it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True
