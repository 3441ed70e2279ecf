"""The item of a host that is gone: no packet comes from it any more, and nobody tells the server.

A process that ends, however it ends, has its connections closed by its kernel. A host without power, or behind a link
that is cut, says nothing: a server that only waits is never told, and one that has sent something after some fifteen
minutes (tcp_retries2, tcp(7)). So a server that runs for long lets go of such a client by itself, in a time of its own
choice. Which time that is no one can see: who checks it says so.
"""

import time

from iomux.conformance.trial.clients import ask, eventually
from iomux.conformance.trial.holders import held_by
from iomux.conformance.trial.items import ONE_AT_A_TIME, warm_up
from iomux.conformance.trial.subject import Fault, NotSeen, Subject
from iomux.conformance.wire.hosts import connect_from, hosts_of, inode_of, item, losing, owes

NO_PROMISE = (
    "within what time this server lets go of a client whose host is gone is not known, and it need not let go of one: "
    "if it promises a time, say so, as in lets_go_s=10 (--lets-go 10)"
)
_LOOK_SECONDS = 0.05
_OWED = b"the answer to this never arrives"


@item(
    "vanished",
    long=True,
    rule="a client whose host has vanished is let go in the time that the server promises",
    sent="two clients are served; the answer to a second message of one of them is lost, then their link is cut; when "
    "the promised time (lets_go_s) and 5 s more are over, a new client comes from another host",
    hint="Nobody tells you that a host is gone. SO_KEEPALIVE makes the kernel ask one that is silent, but not while "
    "bytes are unacknowledged: for how long it repeats those, TCP_USER_TIMEOUT says. A timer in your loop sees both. "
    "The kernel's verdict is an error of recv or send, ETIMEDOUT or EHOSTUNREACH: the end of one client.",
    man="socket(7) (SO_KEEPALIVE), tcp(7) (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT)",
    exempt=ONE_AT_A_TIME,
)
def vanished(subject: Subject, lets_go_s: float | None = None) -> None:
    """Check that nobody holds the sockets of two clients whose link was cut, some time after the promised time.

    lets_go_s: the time that the server promises; None: it promises none.
    """
    if lets_go_s is None:
        raise NotSeen(NO_PROMISE)
    hosts = hosts_of(subject)
    with connect_from(hosts.far, subject) as silent, connect_from(hosts.far, subject) as owed:
        with warm_up("hundred"):
            for client in (silent, owed):
                ask(client, b"I am here")
        inodes = {"was silent": inode_of(subject, silent), "was owed bytes": inode_of(subject, owed)}
        with losing(hosts.server):
            owed.sendall(_OWED)
            eventually(lambda: owes(subject, owed, len(_OWED)))
            hosts.far.link.cut()
        _let_go(subject, inodes, lets_go_s)
    with connect_from(hosts.near, subject) as client:
        ask(client, b"still there?", "after two clients have vanished, a new one")


def _let_go(subject: Subject, inodes: dict[str, int], seconds: float) -> None:
    """Wait until no process of the server has these sockets. Raises Fault for the first that one still has.

    `eventually` waits for some seconds more, and longer if the server is kept from working.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(held_by(subject, inode) for inode in inodes.values()):
        time.sleep(_LOOK_SECONDS)
    for who, inode in inodes.items():
        if not eventually(lambda inode=inode: not held_by(subject, inode)):  # type: ignore[misc]
            raise Fault(f"a client that {who} when its host vanished is still held after the time that was promised")
