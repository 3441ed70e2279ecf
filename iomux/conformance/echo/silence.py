"""The items of clients that are silent: a pause is no farewell, and a thousand of them hold up nobody.

A connection has no heartbeat of its own (RFC 9293): until one end says that it has ended, it lasts, however long nobody
says anything. A server may limit silence, since each silent client costs it a descriptor; an echo server has no reason
to do so after seconds. Cost: the seconds, of waiting.
"""

import socket
import time
from contextlib import ExitStack, suppress

from iomux.conformance.trial.clients import (
    MIB,
    ask,
    check_room_for,
    compare,
    connect,
    connect_narrow,
    connect_one_by_one,
    crowd,
    message,
)
from iomux.conformance.trial.items import ONE_AT_A_TIME, item, warm_up
from iomux.conformance.trial.limits import raise_descriptors
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, Subject
from iomux.conformance.trial.transfer import Stream, exchange, fill_all, is_served

_SILENT_SECONDS = 6.5  # longer than 5 s, a common time limit
_MUCH = 8 * MIB  # the kernel holds 4 MiB of what a server sends at most (tcp_wmem, tcp(7))
_FEW, _DESCRIPTORS_EACH = 100, 4


@item(
    "idle",
    points=3,
    rule="an active client is served even among a thousand silent ones",
    sent="1,000 clients connect and send nothing; meanwhile one client sends again and again",
    hint="Your server has to hold them all and wait for none. How many can it hold, and does it wait for a client's "
    "first byte?",
    man="epoll(7), pthreads(7)",
    exempt=ONE_AT_A_TIME,
)
def idle(subject: Subject) -> None:
    """Test one active client among 1,000 idle ones."""
    check_room_for(1001)
    raise_descriptors(subject, _DESCRIPTORS_EACH * 1001)
    with crowd(subject, 500) as silent, connect(subject) as active, ExitStack() as stack:
        try:
            for number, client in enumerate(connect_one_by_one(subject, 500)):
                stack.enter_context(client)
                if number % 50 == 0:
                    ask(active, b"one of a thousand", "the active client")
            ask(active, b"and now?", "the active client")
        except Fault:
            _has_room(silent)
            raise


def _has_room(crowd: list[socket.socket]) -> None:
    """Raise NotSeen if it has hundreds of clients, and closes who comes then: that is a limit, and no silence."""
    left = [client for client in crowd if not _closed(client)]
    if _FEW < len(left) < len(crowd) and crowd[: len(left)] == left:
        raise NotSeen("the server turns newcomers away when some hundred are there: a thousand can't be")


def _closed(client: socket.socket) -> bool:
    with suppress(ConnectionError):
        return bool(ready([client])[0]) and not client.recv(1, socket.MSG_PEEK)
    return True


@item(
    "silence",
    points=3,
    long=True,
    rule="a client that is silent for some seconds is still served",
    sent="one client is served, another one only connects, a third is owed up to 8 MiB; all are silent for 6.5 s, then "
    "two send a message, and the third reads",
    hint="Does a time limit on recv, or on the connection, end the conversation? A client that says nothing has not "
    "left: recv tells you when it has.",
    man="socket(7) (SO_RCVTIMEO), recv(2); Python: socket.settimeout",
)
def silence(subject: Subject) -> None:
    """Check that silence ends no connection. The first client leaves before the others ask: they may take turns."""
    with connect(subject) as served, connect(subject) as newcomer, connect_narrow(subject) as pausing:
        with warm_up("hundred"):
            ask(served, b"before the silence")
        owed = _owed(subject, pausing, served)
        time.sleep(_SILENT_SECONDS)
        _ask_again(served, "a client that had been served")
        served.close()
        _ask_again(newcomer, "a client that had said nothing yet")
        newcomer.close()
        exchange([owed])
        compare(owed.data, bytes(owed.got), owed.how, "a client that had not read for some seconds")


def _owed(subject: Subject, pausing: socket.socket, other: socket.socket) -> Stream:
    """Let the server owe one client as much as it takes; nothing at all if it then has no time for another one.

    Whom such a client holds up is the question of neighbours.
    """
    stream = Stream(pausing, message(_MUCH))
    fill_all(subject, [stream])
    if not is_served(subject, other):
        exchange([stream])
        return Stream(pausing, b"")
    return stream


def _ask_again(client: socket.socket, who: str) -> None:
    """Ask after the silence. Raises Fault, with the other end's farewell if that lies there already."""
    client.setblocking(False)
    try:
        how = "bytes came that it had not sent" if client.recv(1) else "the server ended the connection"
    except BlockingIOError:
        how = ""
    except ConnectionError:
        how = "the server ended the connection"
    client.settimeout(PATIENCE)
    if how:
        raise Fault(f"{who} was silent for some seconds: {how}")
    ask(client, b"after the silence", f"{who}, and was then silent for some seconds,")
