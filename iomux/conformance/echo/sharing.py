"""The item of processes and threads that share a listener.

All who wait for it are woken for one client, and one of them gets it. The others find nothing; on a blocking listener
they then sleep in accept, until somebody else connects, and serve none of their own clients meanwhile.

Who comes first is the scheduler's choice, so it is taken from the scheduler: each process is stopped (SIGSTOP,
signal(7)) in the midst of accepting, the others accept all that is there, and it goes on with what it knew. It stops
anywhere; every third time it knows of a client and has not asked for it yet, and if it stops in the call that waits, it
knows for certain. So it is done until three were certain, sixteen times at least.
"""

import itertools
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from iomux.conformance.echo.held_still import can_be_held
from iomux.conformance.trial.clients import ask, connect, expect
from iomux.conformance.trial.items import item, under_pressure, warm_up
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import PATIENCE, NotSeen, NotSeenHere, Subject, processes, stopped
from iomux.system.sock_diag.other_end import ESTABLISHED, other_end

_MOST_PROCESSES = 4
_ALONE_SECONDS = 0.3
_STOPS, _CERTAIN, _TRIES = 16, 3, 60
"""How often a process is to be stopped while it accepts, at least, and of these where it waits; most tries."""
_MANY, _FIRST = 200, 3  # what a process does not accept within the shortest time for which the scheduler lets it run
_BEGIN_SECONDS, _REST_SECONDS, _LOOK_SECONDS = 0.2, 0.3, 0.0001
_THREAD_ROUNDS, _FEW, _EARLIER = 8, 60, 8


@item(
    "shared-listener",
    points=3,
    rule="who waits for a newcomer together with others goes on serving its own clients when another has taken it",
    sent="each of the server's processes gets a client; again and again one of them is held still (SIGSTOP) while it "
    "accepts and the others accept the rest; it goes on, and each client sends",
    hint="Several processes or threads wait for one listener, and all are woken for one client. In what call is the "
    "one that came too late? Readiness promises nothing: make the listener nonblocking, and expect EAGAIN from accept.",
    man="accept(2) (NOTES), select(2) (BUGS), fcntl(2) (O_NONBLOCK)",
)
def shared_listener(subject: Subject) -> None:
    """Check that no process, or thread, is caught in accept. A server with one thread shares with nobody."""
    can_be_held(subject)
    with connect(subject) as client, warm_up("echoes"):
        ask(client, b"are you there?")
    try:
        _meet(subject, processes(subject))
    except psutil.NoSuchProcess:
        raise NotSeen("one of the server's processes ended while it was to be held still") from None


def _meet(subject: Subject, group: list[psutil.Process]) -> None:
    with ExitStack() as stack:
        if len(group) > 1 and len(served := _one_each(subject, group, stack)) > 1:
            stack.enter_context(_on_one_core(served))
            _processes_meet(subject, group, served)
        elif group[0].num_threads() > 1:
            _threads_meet(subject, [stack.enter_context(connect(subject)) for _ in range(_EARLIER)])


def _processes_meet(subject: Subject, group: list[psutil.Process], served: dict[psutil.Process, socket.socket]) -> None:
    """Stop each process in turn while it accepts, until that has succeeded often enough."""
    stops, certain, waiting = 0, 0, {process: _call(process) for process in served}
    for process in itertools.islice(itertools.cycle(served), _TRIES):
        with _newcomers(subject, _MANY) as new:
            stopped_at_work = _stopped_at_work(process, new)
            stops += stopped_at_work
            certain += stopped_at_work and _call(process) == waiting[process] != ""
            _let_accept(group, process, new)
        _all_are_served(served.values())
        if stops >= 2 * _STOPS or (stops >= _STOPS and certain >= _CERTAIN):
            return
    if not stops:
        raise NotSeenHere("this machine was too busy to tell: no process could be stopped while it accepted")


def _threads_meet(subject: Subject, earlier: list[socket.socket]) -> None:
    """Let threads accept newcomers side by side: nobody can stop one of them alone, so this is left to chance."""
    for _ in range(_THREAD_ROUNDS):
        with _newcomers(subject, _FEW):
            pass
        _all_are_served(earlier)


def _all_are_served(clients: Iterable[socket.socket]) -> None:
    for client in clients:
        ask(client, b"and I?", "when newcomers had been accepted, an earlier client")


def _one_each(subject: Subject, group: list[psutil.Process], stack: ExitStack) -> dict[psutil.Process, socket.socket]:
    """A client of each process that accepts: it comes while the others are held still."""
    found = {}
    for process in group[:_MOST_PROCESSES]:
        with stopped(subject):
            client = stack.enter_context(connect(subject))
            client.sendall(b"who?")
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
                if _answers(process, client):
                    found[process] = client
        client.settimeout(PATIENCE)
        with under_pressure("burst"):
            expect(client, b"who?", "a client who came while some of the server's processes were held still")
    return found


def _answers(process: psutil.Process, client: socket.socket) -> bool:
    """Whether this process serves the client: soon, or as late as it gets a core."""
    began = time.monotonic()
    while not ready([client], seconds=0.02)[0]:
        spent = time.monotonic() - began
        if spent > PATIENCE or (spent > _ALONE_SECONDS and process.status() != psutil.STATUS_RUNNING):
            return False
    return True


@contextmanager
def _newcomers(subject: Subject, most: int) -> Iterator[list[socket.socket]]:
    """Hold the server still, and let clients come until there are `most`, or the backlog is full."""
    with ExitStack() as stack, stopped(subject):
        new = [stack.enter_context(connect(subject))]
        while len(new) < most and (end := other_end(new[-1])) is not None and end.state == ESTABLISHED:
            new.append(stack.enter_context(connect(subject)))
        yield new


@contextmanager
def _on_one_core(group: Iterable[psutil.Process]) -> Iterator[None]:
    """Keep these processes and this one on one core: whenever this one wakes, the other has stopped in mid-run."""
    before = {pid: os.sched_getaffinity(pid) for pid in (os.getpid(), *(process.pid for process in group))}
    core = min(before[os.getpid()])
    try:
        for pid in before:
            os.sched_setaffinity(pid, {core})
        yield
    finally:
        for pid, cores in before.items():
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(pid, cores)


def _stopped_at_work(process: psutil.Process, new: list[socket.socket]) -> bool:
    """Let one process accept some of the newcomers, and stop it wherever it is then; False if it had taken all."""
    process.send_signal(signal.SIGCONT)
    _wait(lambda: any(map(_accepted, new[:_FIRST])), _BEGIN_SECONDS)
    process.send_signal(signal.SIGSTOP)
    _wait(lambda: process.status() == psutil.STATUS_STOPPED, PATIENCE)
    return not all(map(_accepted, new))


def _call(process: psutil.Process) -> str:
    """The number of the system call that it is in (proc_pid_syscall(5)); empty if it is in none, or that is hidden."""
    with suppress(OSError):
        number = Path(f"/proc/{process.pid}/syscall").read_text(encoding="ascii").split()[0]
        return number if number.isdecimal() else ""
    return ""


def _let_accept(group: list[psutil.Process], but: psutil.Process, new: list[socket.socket]) -> None:
    for process in group:
        if process != but:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    _wait(lambda: all(map(_accepted, new)), _REST_SECONDS)


def _accepted(client: socket.socket) -> bool:
    end = other_end(client)
    return end is None or end.inode != 0


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
