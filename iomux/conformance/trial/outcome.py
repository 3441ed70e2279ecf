"""The outcome of one item, and the function that runs it: all that a process of clients has to import.

What the kernel itself dropped, connections that found a backlog full, or no memory, is not the server's doing. A
backlog's drops are counted for each listening socket (sock_diag(7)), what is dropped for want of memory only for the
whole machine (/proc/net/netstat; proc_net(5), net/ipv4/proc.c): so they excuse a failure and never cause one.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from iomux.conformance.trial.clients import CLOSED, RESET, ask, connect, connect_narrow
from iomux.conformance.trial.connecting import AT_HOME_ONLY
from iomux.conformance.trial.items import Item
from iomux.conformance.trial.recording import RECORDING, Step
from iomux.conformance.trial.subject import (
    HELD,
    HIDDEN,
    SHORT_HERE,
    Fault,
    NotSeen,
    NotSeenHere,
    Subject,
    settled,
    stopped,
    under_trial,
)
from iomux.system.sock_diag.at_port import listening_at

_OVERFLOWS = "ListenOverflows"
_MACHINE_WIDE = {
    "TCPAbortOnMemory": "the kernel ended connections for want of memory (TCPAbortOnMemory, tcp(7): tcp_mem)",
    "TCPReqQFullDrop": "too many handshakes were under way, and the kernel dropped some (tcp_max_syn_backlog, tcp(7))",
}
_REASONS = _MACHINE_WIDE | {
    _OVERFLOWS: "the backlog was full, and the kernel dropped connections (ListenOverflows, listen(2))"
}
"""By counter: what it means for a client that was not served."""
_STOPPED = (
    "the server was stopped (SIGSTOP) and went on (SIGCONT), and then it did not serve a client that had been there "
    "before, though nobody else had done anything"
)
INTERRUPTED_BY_A_STOP = (
    "Some calls fail with EINTR when a process that was stopped goes on, without any handler: recv and send with a "
    "time limit (SO_RCVTIMEO, SO_SNDTIMEO), epoll_wait (signal(7)). EINTR tells nothing of a client: call again."
)
"""The hint for a server that takes that for the end of a client."""
_STOPS = 3  # on a busy machine it may be on its way from one call to the next at any single one
Status = Literal["passed", "failed", "not seen"]


@dataclass(frozen=True)
class Outcome:
    """What the clients of one item found."""

    status: Status
    seen: str = ""
    detail: dict[str, object] = field(default_factory=dict)
    hint: str = ""
    """The cause, if it is not the one that the item's own hint is about."""
    by_machine: bool = False
    """Whether it was not seen because of this machine, and not because of the server."""
    steps: tuple[Step, ...] = ()
    """What the clients did, if it failed."""
    server_lived_on: bool = False
    """Whether it failed while the server still served: if that has ended since, this is not why."""
    see: str = ""
    """The item by whose fault it was not seen."""
    notes: tuple[str, ...] = ()
    """How the server was called and where it listens, if that is not as usual."""


def try_item(item: Item, subject: Subject, passed: Iterable[str] = ()) -> Outcome:
    """Run one item's trial; called in a separate process. What the kernel dropped is not blamed on the server.

    passed: the items that are known to have passed, if it is tried for the second time: see `warm_up`.
    """
    port, since = subject.address[1], kernel_drops(subject.address[1])
    outcome = tried(item, subject, passed)
    own_doing = "waiting" in outcome.detail  # the server accepts no one: `connecting` has seen that
    answered = outcome.detail.get("bytes_back") != 0
    if outcome.status == "failed" and not own_doing and (why := kernel_dropped_since(since, port, answered)):
        return Outcome("not seen", why, outcome.detail, by_machine=True)
    return outcome


def tried(item: Item, subject: Subject, passed: Iterable[str] = ()) -> Outcome:
    """Run one item's trial, and say how it ended."""
    try:
        with under_trial(subject, passed):
            _try(item, subject)
    except Fault as fault:
        lived = fault.server_lived_on
        return Outcome("failed", fault.seen, fault.detail, fault.hint, False, RECORDING.steps(), lived)
    except NotSeen as reason:
        return Outcome("not seen", str(reason), by_machine=isinstance(reason, NotSeenHere), see=reason.see)
    except psutil.AccessDenied:
        return Outcome("not seen", HIDDEN, by_machine=True)
    except PermissionError as error:  # of prlimit(2), say: no client's call needs a permission
        return Outcome("not seen", f"this needs a right that the check has not got here: {error}", by_machine=True)
    except OSError as error:  # any call of a client may fail when the server misbehaves
        if error.errno in SHORT_HERE:
            return Outcome("not seen", f"the check itself is short of this here: {error.strerror}", by_machine=True)
        seen = f"a client's call failed: {error.strerror or type(error).__name__}"
        return Outcome("failed", seen, steps=RECORDING.steps())
    return Outcome("passed")


def _try(item: Item, subject: Subject) -> None:
    """Run the trial. If it fails for what would befall any client, that is said, or it is run once more without."""
    try:
        item.trial(subject)
    except Fault as fault:
        if not _serves_at_home_only(subject, fault):
            _look_for_an_interrupted_call(subject, fault)
            raise
        item.trial(subject)  # from 127.0.0.1


def _serves_at_home_only(subject: Subject, fault: Fault) -> bool:
    """Whether it ends each connection from another address than 127.0.0.1, which some items' clients come from."""
    if fault.detail.get("how") not in (CLOSED, RESET) or subject in AT_HOME_ONLY:
        return False
    with (
        RECORDING.paused(),
        contextlib.suppress(Fault, NotSeen, OSError),
        connect(subject) as home,
        connect_narrow(subject) as guest,
    ):
        try:
            ask(guest, b"?")
        except Fault as sent_away:
            if sent_away.detail.get("how") in (CLOSED, RESET):
                ask(home, b"?")
                AT_HOME_ONLY.add(subject)
    return subject in AT_HOME_ONLY


def _look_for_an_interrupted_call(subject: Subject, fault: Fault) -> None:
    """Say so if the server ends whoever is there when it is stopped and goes on: nobody else has to do anything."""
    if not HELD or not fault.server_lived_on:
        return
    with contextlib.suppress(Fault, NotSeen, OSError):
        took = _gone_after(subject, lambda: _stop(subject))
        if took is not None and _gone_after(subject, lambda: time.sleep(took)) is None:
            fault.detail["client_saw"], fault.seen, fault.hint = fault.seen, _STOPPED, INTERRUPTED_BY_A_STOP


def _stop(subject: Subject) -> None:
    """Stop it where it waits, and let it go on: a thread that has answered may not have come to its next call yet."""
    for _ in range(_STOPS):
        settled(subject)
        with stopped(subject):
            pass
    settled(subject)


def _gone_after(subject: Subject, happens: Callable[[], None]) -> float | None:
    """How many seconds that took, if a client that was served is not served any more; None if it is.

    Raises Fault if it is not served before.
    """
    with RECORDING.paused(), connect(subject) as client:
        for question in (b"at first", b"and again"):
            ask(client, question)
        began = time.monotonic()
        happens()
        took = time.monotonic() - began
        try:
            ask(client, b"and now?")
        except Fault:
            return took
    return None


def kernel_drops(port: int) -> dict[str, int]:
    """The counters so far, for the listening sockets at this port and for the machine; 0 where there is none."""
    counted = {_OVERFLOWS: sum(one.dropped for one in listening_at(port))}
    with contextlib.suppress(OSError, ValueError, IndexError):
        rows = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines() if line[:7] == "TcpExt:"]
        counted |= {name: int(number) for name, number in zip(*rows[:2], strict=False) if name in _MACHINE_WIDE}
    return {name: counted.get(name, 0) for name in _REASONS}


def kernel_dropped_since(before: Mapping[str, int], port: int, answered: bool) -> str:
    """Why an item that failed since then may have failed without the server's doing; empty if nothing says so.

    before: what `kernel_drops` returned when the item began. answered: whether the client was served at all: then it
    had its place in the backlog, be it at the second try.
    """
    now = kernel_drops(port)
    asked = _MACHINE_WIDE if answered else _REASONS
    return next((reason for name, reason in asked.items() if now[name] > before[name]), "")
