"""Stage E: answers that a client asks for and does not read: they cost bounded memory, and are owed to the end."""

import contextlib
import socket
import time
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import PRESSURE, cli, spec
from iomux.conformance.redis.talk import as_bulk, ask, client, shared_store
from iomux.conformance.redis.wire import OK, PONG, bulk, command, told
from iomux.conformance.trial.clients import MIB, eventually, message
from iomux.conformance.trial.items import ONE_AT_A_TIME
from iomux.conformance.trial.patience import at_work
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, descriptors, rss_bytes, settled
from iomux.system.sockets import reset

item = partial(items.item, stage=PRESSURE)
_KEY = "iomux:big"
_UNREAD, _FEW, _MANY = 1000, 50, 475
_LITTLE, _MOST_GROWTH = 16 * MIB, 128 * MIB
_OWED = 20
_VISITS, _SPARE_DESCRIPTORS, _MOST_SECONDS = 24, 4, 40.0


def _keep(one: Client) -> bytes:
    """Set a value of 1 MiB and return it. Raises NotSeen if it does not come back: that is another item's affair."""
    value = message(MIB)
    one.send(command("SET", _KEY, value))
    if (got := one.reply()) != OK:
        raise NotSeen(f"a value of 1 MiB could not be set: {told(got) or one.how}: see the item large")
    one.send(command("GET", _KEY))
    if bulk(value) not in (got := one.reply(), as_bulk(got)):
        raise NotSeen("a value of 1 MiB did not come back: see the item large")
    return value


def _push(one: Client, data: bytes) -> bool:
    """Send as much as the server takes; whether that was all. It may also let the client go."""
    one.socket.settimeout(0.5)
    try:
        one.socket.sendall(data)
    except OSError:
        return False
    return True


@item(
    "unread",
    rule="a client that asks for much and reads nothing costs bounded memory, and delays nobody",
    sent="a client sends up to 1,000 times GET of a value of 1 MiB, and reads nothing; another PING",
    hint="An answer that is made before it can be sent has to be kept: 22 bytes ask for a mebibyte. Make the next one "
    "when the last has been taken, and read no more from that client until then.",
    man=f"tcp(7); {spec('Request-response model')}",
    run=(
        "head -c 1048576 /dev/zero | redis-cli -p PORT -x SET iomux:big",
        "(yes GET iomux:big | head -1000; sleep 60) | nc 127.0.0.1 PORT | sleep 60 & sleep 5; ps -o rss= -p PID",
    ),
    exempt=ONE_AT_A_TIME,
)
def unread(subject: Subject) -> None:
    """Check that memory does not grow with what was asked for; a server that keeps it all is stopped early."""
    with shared_store(subject) as other:
        _keep(other)
        before = rss_bytes(subject)
        with client(subject, narrow=True) as one:
            ask(one, "PING", PONG)
            asked, more = 0, _FEW
            while asked < _UNREAD and _push(one, command("GET", _KEY) * more):
                asked += more
                ask(other, "PING", PONG, "while another client reads nothing")
                settled(subject)
                more = _FEW if (grown := rss_bytes(subject) - before) > _LITTLE else _MANY
                if grown > _MOST_GROWTH:
                    seen = "memory grew by more than 128 MiB with the answers that a client does not read"
                    raise Fault(seen, grown_bytes=grown, asked=asked)
            ask(other, "PING", PONG, "while another client reads nothing")


@item(
    "half-close",
    rule="what a client has asked for before its end of stream is owed to it: all of it, and then the end",
    sent="a client sends 20 times GET of a value of 1 MiB, half-closes (SHUT_WR), and reads only when the server rests",
    hint="The end of the client's stream says that no further command comes. What do you still have to send then?",
    man="shutdown(2); RFC 9293, 3.6",
    run=(
        "head -c 1048576 /dev/zero | redis-cli -p PORT -x SET iomux:big",
        "yes GET iomux:big | head -20 | nc -N 127.0.0.1 PORT | (sleep 3; wc -c)   # 20971760 are due",
    ),
)
def half_close(subject: Subject) -> None:
    """Check that all of 20 MiB comes, though it is more than the kernel holds."""
    with shared_store(subject) as other:
        due = bulk(_keep(other))
        with client(subject, narrow=True) as one:
            ask(one, "PING", PONG)
            one.send(command("GET", _KEY) * _OWED)
            one.socket.shutdown(socket.SHUT_WR)
            settled(subject)
            for number in range(_OWED):
                if due not in (got := one.reply(), as_bulk(got)):
                    seen = "a client had asked for 20 MiB and half-closed, and did not get all of it"
                    raise Fault(seen, answers=number, bytes_of_next=len(got), how=one.how)
            if not one.ended():
                raise Fault("a client had half-closed, got all that was owed, and its connection did not end")


@item(
    "resets",
    rule="clients that reset their connection leave nothing behind, and harm nobody",
    sent="24 clients reset: in the middle of a command, of an answer of 1 MiB, after MULTI, as subscribers; then PING",
    hint="A reset is an error of recv or of send, at any moment. Is the descriptor closed on every way out?",
    man="tcp(7), send(2) (EPIPE)",
    run=("ls /proc/PID/fd | wc -l   # before and after", *cli("CLIENT LIST")),
)
def resets(subject: Subject) -> None:
    """Check that no descriptor is left. Whether each of their commands is known is of no account here."""
    with shared_store(subject) as other:
        _keep(other)
        before = descriptors(subject)
        get = command("GET", _KEY)
        for number in range(_VISITS):
            with contextlib.suppress(Fault), client(subject, narrow=True) as one:
                one.send((get[:9], get * 4, command("MULTI") + get, command("SUBSCRIBE", "iomux:resets"))[number % 4])
                if number % 8 < 4:  # the others are gone before their command is seen
                    with contextlib.suppress(OSError):
                        one.socket.recv(1) if number % 4 else one.send(b"\r")
                reset(one.socket)
        ask(other, "PING", PONG, "after 24 resets another client")
        if not _falls_to(subject, before + _SPARE_DESCRIPTORS):
            raise Fault("24 clients have reset their connection, and the server keeps some of their descriptors open")
        with client(subject) as late:
            ask(late, "PING", PONG, "after 24 resets a new client")


def _falls_to(subject: Subject, most: int) -> bool:
    """Whether the descriptors become so few: waited for as long as they become fewer, or the server is at work."""
    lowest, until = descriptors(subject), time.monotonic() + _MOST_SECONDS
    while lowest > most and time.monotonic() < until:
        if not eventually(partial(_has_fewer, subject, lowest)) and not at_work(subject):
            break
        lowest = min(lowest, descriptors(subject))
    return lowest <= most


def _has_fewer(subject: Subject, than: int) -> bool:
    return descriptors(subject) < than
