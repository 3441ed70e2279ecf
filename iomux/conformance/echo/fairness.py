"""Items about clients that send what is rare: more than they read, an urgent byte, or a flood (`trial.flooding`)."""

import contextlib
import socket
import time
from typing import NoReturn

from iomux.conformance.trial.clients import MIB, ask, connect, connect_narrow, expect, fill, leave, message, receive
from iomux.conformance.trial.flooding import Flooder, Turn, flood_is_fair
from iomux.conformance.trial.items import ONE_AT_A_TIME, item, warm_up
from iomux.conformance.trial.subject import Fault, Subject, busy, processes, rss_bytes
from iomux.conformance.trial.transfer import bystanders, on_a_busy_machine

_TURN = b"my turn?"
_MOST_TAKEN, _ONE_MESSAGE, _MOST_GROWTH = 64 * MIB, 4096, 32 * MIB
_PIECE = bytes(256 * 1024)


@item(
    "back-pressure",
    points=3,
    rule="the server stops reading from a client that does not read: its memory is bounded",
    sent="a client sends up to 64 MiB and reads nothing",
    hint="What you can't send you have to keep, and it grows with everything that you go on reading. Stop reading "
    "from a client that you owe too much: the kernel then stops the sender for you.",
    man="tcp(7) (windows), send(2)",
)
def back_pressure(subject: Subject) -> None:
    """Check that memory is bounded while the client does not read."""
    with warm_up("sizes"), connect(subject) as reads:  # a server that swallows bytes may take all, and keep none
        ask(reads, message(_ONE_MESSAGE))
    before = rss_bytes(subject) if subject.pid is not None else 0
    spun = subject.pid is None or busy(subject)  # then it is not this client that keeps it awake: see the item silent
    with connect_narrow(subject) as client:
        data = message(MIB) * (_MOST_TAKEN // MIB)
        if fill(subject, client, data) == _MOST_TAKEN:
            _took_it_all(subject, client, data, before)
        if subject.pid is not None and (grown := rss_bytes(subject) - before) > _MOST_GROWTH:
            raise Fault("the server's memory grew by more than 32 MiB", grown_bytes=grown)
        if not spun and busy(subject):
            raise Fault("a client does not read, and the server never sleeps: it asks for that client again and again")
        leave(client)


def _took_it_all(subject: Subject, client: socket.socket, data: bytes, before: int) -> NoReturn:
    """Raise Fault, saying where it keeps all that; before: its memory then. One that has lost it keeps nothing."""
    where = "in its memory"
    if subject.pid is not None and rss_bytes(subject) - before <= _MOST_GROWTH:
        where = "somewhere"
        with warm_up("slow-reader"):
            expect(client, data)
    raise Fault(f"the server took all 64 MiB although the client read nothing: it must keep them {where}")


@item(
    "urgent",
    points=1,
    rule="out-of-band data does no harm",
    sent="a client sends a message, one urgent byte (MSG_OOB) and a message; then it is silent; two others "
    "stay, one of which is owed 1 MiB meanwhile",
    hint="Urgent data is no error: select's third list and POLLPRI report it, and a client there has done nothing "
    "wrong. If you don't want urgent bytes, don't ask for them. And splice does not get past one: it fails with EAGAIN "
    "though the socket is readable, until something is received by recv or read. In Go, io.Copy calls splice if both "
    "ends are TCP connections.",
    man="select(2) (exceptfds), poll(2) (POLLPRI), tcp(7), splice(2)",
)
def urgent(subject: Subject) -> None:
    """Check that the bytes before and after an urgent byte come back; the byte itself may be skipped."""
    with bystanders(subject) as still_served, connect(subject) as client:
        ask(client, b"before")
        with on_a_busy_machine(subject) as spoken_last:
            spun = subject.pid is None or busy(subject)
            client.send(b"!", socket.MSG_OOB)
            time.sleep(0.1)
            with contextlib.suppress(ConnectionError):  # then receive says so
                client.sendall(b"after")
            spoken_last()
            _is_served_as_before(client)
        still_served("an urgent byte of another one")
        if not spun and busy(subject):
            raise Fault("after an urgent byte the server never sleeps again")


def _is_served_as_before(client: socket.socket) -> None:
    """Raise Fault if what follows the urgent byte does not come back; read in line (SO_OOBINLINE) it may come, too."""
    got, how = receive(client, 5)
    if got == b"!afte":
        got += receive(client, 1)[0]
    if got not in (b"after", b"!after"):
        raise Fault(f"after an urgent byte the client was not served as before: {how or 'other bytes came back'}")


@item(
    "flood",
    points=3,
    rule="a client that sends without pause does not starve those that send little",
    sent="while the server is stopped (SIGSTOP), one client sends a flood, then two others a small message; then the "
    "server continues (SIGCONT), and the flood goes on",
    hint="How long does your server stay with a client that always has more to read? Read a bounded amount, then "
    "serve the others; the rest will be reported again, if you ask in the right way.",
    man="epoll(7) (Possible pitfalls: starvation)",
    exempt=ONE_AT_A_TIME,
)
def flood(subject: Subject) -> None:
    """Test fairness to one older and one newer client than the flooder."""
    processes(subject)  # without them the server can't be stopped
    with connect(subject) as older, connect(subject) as flooder, connect(subject) as newer:
        with warm_up("hundred"):
            for client in (older, flooder, newer):
                ask(client, b"in", "one of three clients")
        turn = Turn(_TURN, _TURN, served="hundred")
        flood_is_fair(subject, Flooder(flooder, _PIECE, served="bulk"), [older, newer], turn)
