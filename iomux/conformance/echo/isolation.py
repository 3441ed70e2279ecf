"""Items about slow, rude and silent clients: each may harm itself, none may harm the others."""

import socket
import time
from contextlib import ExitStack, nullcontext, suppress

from iomux.conformance.echo.held_still import grow_buffers
from iomux.conformance.trial.clients import (
    MIB,
    ask,
    check_room_for,
    come_and_reset,
    connect,
    connect_narrow,
    connect_one_by_one,
    crowd,
    expect,
    fill,
    leave,
    message,
    still_serves,
)
from iomux.conformance.trial.connecting import accepted_client
from iomux.conformance.trial.items import ONE_AT_A_TIME, item, warm_up
from iomux.conformance.trial.limits import raise_descriptors
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, stopped
from iomux.conformance.trial.transfer import bystanders
from iomux.system.sockets import reset

_MUCH = 8 * MIB  # the kernel holds 4 MiB of what a server sends at most (tcp_wmem, tcp(7))
_TWO_ANSWERS = (48 * 1024, 128 * 1024)  # for small buffers, and for large ones, if the kernel's have grown
_FEW, _DESCRIPTORS_EACH = 100, 4
_SIPPED, _SIP_BYTES = 500, 10


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
    with crowd(subject, 500) as silent, accepted_client(subject) as active, ExitStack() as stack:
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
    "reset",
    points=4,
    rule="the server survives clients that reset their connection",
    sent="20 clients each send a few bytes and reset the connection at once, the last 4 of them while the server is "
    "held still (SIGSTOP); then a new client comes; 8 more reset before they have sent a byte, 4 of them while it is "
    "held still; then a new client comes; two others stay, one of which is owed 1 MiB meanwhile",
    hint="After a reset any call on that client's socket may fail, even accept, and getpeername after accept: "
    "ECONNRESET, EPIPE, ECONNABORTED, ENOTCONN. It is the end of one client, not of your loop.",
    man="tcp(7), send(2) (EPIPE), recv(2), getpeername(2) (ENOTCONN)",
)
def reset_survived(subject: Subject) -> None:
    """Test resets right after a few bytes and before any, after the server has accepted and before that.

    Bytes that have come are read before the error, which the next send then takes: only without any is it recv's.
    """
    with bystanders(subject) as still_served:
        for first, count, after in ((b"about to go", 16, "twenty resets"), (b"", 4, "resets before a byte")):
            come_and_reset(subject, first, count)
            with stopped(subject) if subject.pid is not None else nullcontext():
                come_and_reset(subject, first, 4)
            still_serves(subject, after)
        still_served("resets of others")


@item(
    "mid-reset",
    points=4,
    rule="the server survives clients that reset while it owes them bytes",
    sent="three clients each send as much as the server takes, read nothing, and reset; three new ones come; "
    "one sends 48 KiB and closes while the server is held still (SIGSTOP), another one 128 KiB, and new ones "
    "come; two others stay, one of which is owed 1 MiB meanwhile",
    hint="You had something left to send when the client went away. What does send do then, and what happens to the "
    "bytes that you had kept for it?",
    man="send(2)",
)
def reset_in_mid_transfer(subject: Subject) -> None:
    """Test resets while bytes are on their way in both directions, and a close, after which a first send succeeds."""
    with bystanders(subject) as still_served:
        for _ in range(3):
            client = connect_narrow(subject)
            fill(subject, client, message(_MUCH))
            reset(client)
        for _ in range(3):  # the first may be accepted before the reset is seen, and not reuse the old number
            still_serves(subject, "a reset in mid-transfer")
        for size in _TWO_ANSWERS:
            _close_before_the_answers(subject, size)
        still_served("a reset of another one in mid-transfer")


def _close_before_the_answers(subject: Subject, size: int) -> None:
    """Send, and close: all has arrived when the server looks. The first answer succeeds, the second is an EPIPE."""
    with connect(subject) as client:
        with warm_up("bulk"):
            grow_buffers(client)
        with stopped(subject) if subject.pid is not None else nullcontext():
            client.sendall(message(size))
            client.close()
    still_serves(subject, "a client that closed before it was answered")


@item(
    "slow-reader",
    points=5,
    rule="a slow reader gets every byte",
    sent="a client sends as much as the server takes, up to 8 MiB; then it reads the answer, at first a few bytes "
    "at a time; then it sends one more message",
    hint="The kernel's buffers fill up, at the client's end and at yours: send then takes a part, or nothing. Keep "
    "what it did not take, in order.",
    man="send(2) (EAGAIN)",
)
def slow_reader(subject: Subject) -> None:
    """Check that every byte comes, however late it is read, and none twice: the next answer follows directly."""
    data = message(_MUCH)
    with connect_narrow(subject) as client:
        sent = fill(subject, client, data)
        for place in range(0, _SIPPED, _SIP_BYTES):
            expect(client, data[place : place + _SIP_BYTES])
            time.sleep(0.002)
        expect(client, data[_SIPPED:sent])
        ask(client, b"and now?")


@item(
    "neighbours",
    points=6,
    rule="a client that does not read does not hold up the others",
    sent="one client sends all it can and reads nothing; then another one sends 10 messages",
    hint="Where does your server wait until the slow client takes its bytes? While it waits there, it serves no one.",
    man="send(2), fcntl(2) (O_NONBLOCK)",
    exempt=ONE_AT_A_TIME,
)
def neighbours(subject: Subject) -> None:
    """Test that a slow reader delays only itself."""
    with connect_narrow(subject) as slow, connect(subject) as other:
        with warm_up("hundred"):
            ask(other, b"first", "another client")
        fill(subject, slow, message(_MUCH))
        for _ in range(10):
            ask(other, b"quick", "another client")
        leave(slow)
