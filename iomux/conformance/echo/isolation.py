"""Items about clients who behave badly, or just differently: each may harm itself, none may harm the others."""

import socket
import time
from contextlib import ExitStack

from iomux.conformance.echo.fairness import flooded_bytes
from iomux.conformance.trial.clients import (
    MIB,
    ask,
    connect,
    crowd,
    expect,
    fill,
    message,
    paced,
    receive,
    room_for,
    still_serves,
)
from iomux.conformance.trial.items import ONE_AT_A_TIME, item
from iomux.conformance.trial.subject import Fault, Subject, busy, rss_bytes
from iomux.system.sockets import reset

_MOST_TAKEN = 128 * MIB
_MOST_GROWTH = 32 * MIB
_SIPPED, _SIP_BYTES = 500, 10
_FLOODS = 4  # from the older client and from the younger: whom a server looks at first is its own business
_MOST_IN_ONE_TURN = 9 * MIB // 4  # libuv stays for 32 reads of 64 KiB (src/unix/stream.c, uv__read): bounded, 2 MiB


@item(
    "idle",
    asks="a thousand silent clients do not keep one that speaks from being served",
    sent="1,000 clients that say nothing, and one that asks again and again while they come",
    hint="Your server has to hold them all and wait for none. What is the most that it can hold, and does it wait for "
    "a client's first word?",
    man="epoll(7), pthreads(7)",
    exempt=ONE_AT_A_TIME,
)
def idle(subject: Subject) -> None:
    """1,000 idle clients and one active."""
    room_for(1001)
    with crowd(subject, 500), connect(subject) as active, ExitStack() as stack:
        for number, client in enumerate(paced(subject, 500)):
            stack.enter_context(client)
            if number % 50 == 0:
                ask(active, b"one of a thousand", "the one that speaks")
        ask(active, b"and now?", "the one that speaks")


@item(
    "reset",
    asks="a client that ends with a reset ends nobody else",
    sent="20 clients that send a few bytes and reset the connection at once, then a new client",
    hint="Any call on that client's socket may fail, recv, send, and even accept: ECONNRESET, EPIPE, ECONNABORTED. "
    "It is the end of one client, not of your loop.",
    man="tcp(7), send(2) (EPIPE), recv(2)",
)
def reset_survived(subject: Subject) -> None:
    """Sudden resets."""
    for _ in range(20):
        client = connect(subject)
        client.sendall(b"about to go")
        reset(client)
    still_serves(subject, "twenty resets")


@item(
    "mid-reset",
    asks="a client that resets while it is owed bytes ends nobody else",
    sent="three clients that send what the server takes, read nothing, and reset; then three new ones",
    hint="You had something left to send when the client went away. What does send say then, and what becomes of the "
    "bytes that you had kept for it?",
    man="send(2)",
)
def reset_in_mid_transfer(subject: Subject) -> None:
    """A reset while bytes are on their way in both directions."""
    for _ in range(3):
        client = connect(subject)
        fill(client, message(8 * MIB), stall_seconds=0.2)
        reset(client)
    for _ in range(3):  # the first may come before the reset is seen, and not get the number of the one that is gone
        still_serves(subject, "a reset in mid-transfer")


@item(
    "slow-reader",
    asks="a slow reader gets every byte",
    sent="as much as the server takes, up to 16 MiB; then the answer is read, in small sips at first; then one more "
    "message",
    hint="The client's buffer and yours in the kernel fill up: send then takes a part, or nothing. Keep what it did "
    "not take, and in its order.",
    man="send(2) (EAGAIN)",
)
def slow_reader(subject: Subject) -> None:
    """Every byte, however late it is fetched, and none twice: nothing stands before the next answer."""
    data = message(16 * MIB)
    with connect(subject) as client:
        sent = fill(client, data)
        for place in range(0, _SIPPED, _SIP_BYTES):
            expect(client, data[place : place + _SIP_BYTES])
            time.sleep(0.002)
        expect(client, data[_SIPPED:sent])
        ask(client, b"and now?")


@item(
    "neighbours",
    asks="a client that does not read does not hold up the others",
    sent="one client that sends all it can and reads nothing, and after it one that asks 10 times",
    hint="Where does your server wait until the slow client's bytes are taken? While it waits there, it serves nobody.",
    man="send(2), fcntl(2) (O_NONBLOCK)",
    exempt=ONE_AT_A_TIME,
)
def neighbours(subject: Subject) -> None:
    """Slow readers are their own problem."""
    with connect(subject) as slow, connect(subject) as other:
        ask(other, b"first", "a client beside it")
        fill(slow, message(16 * MIB))
        for _ in range(10):
            ask(other, b"quick", "a client beside it")


@item(
    "back-pressure",
    asks="the server takes no more from a client than it can give back: its memory stays bounded",
    sent="up to 128 MiB, and nothing is read",
    hint="What you can't send you have to keep, and what you keep grows with all that you go on reading. Stop reading "
    "from whom you owe too much: the kernel then stops the sender for you.",
    man="tcp(7) (windows), send(2)",
)
def back_pressure(subject: Subject) -> None:
    """Memory is bounded while nobody reads."""
    before = rss_bytes(subject) if subject.pid is not None else 0
    spun = subject.pid is None or busy(subject)  # then it is not this client that keeps it awake: see the item silent
    with connect(subject) as client:
        taken = fill(client, message(MIB) * (_MOST_TAKEN // MIB), stall_seconds=1.0)
        if taken == _MOST_TAKEN:
            raise Fault("the server took all 128 MiB though nobody read a byte back: it must keep them itself")
        if subject.pid is not None and (grown := rss_bytes(subject) - before) > _MOST_GROWTH:
            raise Fault("the server's memory grew by more than 32 MiB", grown_bytes=grown)
        if not spun and busy(subject):
            raise Fault("a client does not read, and the server never sleeps: it asks again and again about it")


@item(
    "flood",
    asks="a client that sends without pause does not starve one that asks for little",
    sent="with the server held still (SIGSTOP) a flood begins, and after it comes one small message of another client",
    hint="How long does your server stay with one client that always has more? Read a bounded amount, then look "
    "after the others; what is left will be reported again, if you ask in the right way.",
    man="epoll(7) (Possible pitfalls: starvation)",
    exempt=ONE_AT_A_TIME,
)
def flood(subject: Subject) -> None:
    """Fairness, counted in bytes: how much of the flood is answered before the small message is."""
    for attempt in range(_FLOODS):
        answered = flooded_bytes(subject, flooder_first=attempt % 2 == 1)
        if answered > _MOST_IN_ONE_TURN:
            raise Fault("the other client had to wait until the flood paused", bytes_before=answered)


@item(
    "urgent",
    asks="out-of-band data does no harm",
    sent="a message, one urgent byte (MSG_OOB), a message; then silence",
    hint="select's third list and POLLPRI are about urgent data, not errors: a client there has done nothing wrong. If "
    "you don't want urgent bytes, don't ask for them.",
    man="select(2) (exceptfds), poll(2) (POLLPRI), tcp(7)",
)
def urgent(subject: Subject) -> None:
    """An urgent byte may be read or passed over; what is around it comes back."""
    with connect(subject) as client:
        ask(client, b"before")
        spun = subject.pid is None or busy(subject)
        client.send(b"!", socket.MSG_OOB)
        time.sleep(0.1)
        client.sendall(b"after")
        got, how = receive(client, 5)
        if got == b"!afte":  # read in line (SO_OOBINLINE): its own business
            got += receive(client, 1)[0]
        if got not in (b"after", b"!after"):
            raise Fault(f"after an urgent byte the client was not served as before: {how or 'other bytes came back'}")
        if not spun and busy(subject):
            raise Fault("after an urgent byte the server never sleeps again")
