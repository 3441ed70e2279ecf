"""Items about clients that send what is rare: an urgent byte, or a flood (`trial.flooding` says how that is seen)."""

import socket
import time

from iomux.conformance.trial.clients import ask, connect, receive
from iomux.conformance.trial.flooding import Flooder, Turn, flood_is_fair
from iomux.conformance.trial.items import ONE_AT_A_TIME, item, warm_up
from iomux.conformance.trial.subject import Fault, Subject, busy, processes
from iomux.conformance.trial.transfer import bystanders

_TURN = b"my turn?"
_PIECE = bytes(256 * 1024)


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
        spun = subject.pid is None or busy(subject)
        client.send(b"!", socket.MSG_OOB)
        time.sleep(0.1)
        client.sendall(b"after")
        got, how = receive(client, 5)
        if got == b"!afte":  # read in line (SO_OOBINLINE), which is allowed
            got += receive(client, 1)[0]
        if got not in (b"after", b"!after"):
            raise Fault(f"after an urgent byte the client was not served as before: {how or 'other bytes came back'}")
        still_served("an urgent byte of another one")
        if not spun and busy(subject):
            raise Fault("after an urgent byte the server never sleeps again")


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
