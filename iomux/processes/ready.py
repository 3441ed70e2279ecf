"""Wait until the process of a server accepts clients: with our listener, or with one that it makes.

A function that takes a listener is ready as soon as its file is imported: clients may connect to the listener before.
A command line, and a function that makes its own listener, is ready when one of its processes listens; where it does is
looked up (`iomux.system.listeners`), because a test connection would be a client. Daemons are below its guard, too.
"""

import contextlib
import os
import select
import subprocess
import time
from typing import IO, NamedTuple

import psutil

from iomux.processes.errors import ELSEWHERE, UNREACHED, cause_of_end, ended, not_ready
from iomux.processes.logs import read_log, too_much, written_bytes
from iomux.processes.named import place
from iomux.processes.sharing.accepted import Count
from iomux.processes.spawn import outlives
from iomux.system.listeners import Listener, listeners, listening
from iomux.system.machine import below, cpu_time, waited_for_a_core
from iomux.system.network.place import Place
from iomux.system.sockets import Address

START_SECONDS = 20.0
"""How long a server may take to come up, imports included, while it has a core or sleeps."""
_MOST_WAITED_SECONDS = 60.0  # for a core: that much is not counted
_SETTLE_SECONDS = 0.03  # a server that fails in its first lines ends within this time, and `start` raises
_LOOK_SECONDS, _PROMPT_MS = 0.02, 200
_SAME = 5  # a program without {port} has all its listeners when they are the same so many times in a row
_SAME_ELSEWHERE = 100  # and it listens at another port than the one that it was to take
_SAME_PLACE = 2  # a daemon listens, forks and leaves: its listener is then held by another process


class Started(NamedTuple):
    """A process that serves: the one started here, the one that listens, where, and what is to be said of that."""

    process: "subprocess.Popen[bytes]"
    pid: int
    address: Address
    notes: tuple[str, ...] = ()
    alone: bool = False
    """Whether `pid` is the server, and what it starts is not counted with it."""
    counted: Count | None = None
    """What it has accepted, if it is one of several processes at this address."""


def wait_until_ready(name: str, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> int:
    """The server's process id, which it reports when it is ready."""
    assert process.stdout is not None
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    began, came = time.monotonic(), list[tuple[int, int]]()
    while not came and not is_over(began, process.pid, START_SECONDS):
        came = poller.poll(_PROMPT_MS)
    ready, _, pid = os.read(process.stdout.fileno(), 16).partition(b" ") if came else (b"", b"", b"")
    if not (ready == b"ready" and outlives(process, int(pid), _SETTLE_SECONDS)):
        cause = cause_of_end(process) if came else f"was not ready after {START_SECONDS:.0f} s"
        raise ended(f"{name} server", cause, read_log(log))
    return int(pid)


def wait_until_it_listens(
    name: str,
    process: "subprocess.Popen[bytes]",
    log: IO[bytes],
    wanted: int | None,
    was_told: bool,
    inside: Place | None = None,
) -> Started:
    """Wait until a process of the server listens, at the port that is `wanted` if there is one."""
    began, same, before, first = time.monotonic(), 0, list[Listener](), 0
    while not is_over(began, process.pid, START_SECONDS) and not (before and same > _SAME_ELSEWHERE):
        if process.poll() is not None:
            raise ended(f"{name} server", cause_of_end(process), read_log(log))
        found = listeners(below(process.pid))
        if was_told and not found and not inside:  # another user's shows no descriptors, but nobody else has this port
            first = first or _told_by(process)
            found = [one._replace(pid=first or below(process.pid)[-1]) for one in listening() if one.port == wanted]
        same = same + 1 if found == before else 0
        before = found
        if same >= (_SAME if wanted is None else _SAME_PLACE) and any(wanted in (None, one.port) for one in found):
            break
        time.sleep(_LOOK_SECONDS)
    meant = [one for one in before if wanted in (None, one.port)]
    if not meant:
        raise not_ready(name, _why_not(before, wanted, was_told) + too_much(written_bytes(log)), read_log(log))
    return _inside(name, process, meant, log, inside) if inside else _at(name, process, meant, log, was_told)


def is_over(began: float, pid: int, seconds: float) -> bool:
    """Whether a process has had its time; on a busy machine it waits for a core meanwhile, and that does not count."""
    more = time.monotonic() - began - seconds
    if more <= 0 or more > _MOST_WAITED_SECONDS:  # nearly always: nothing has to be read
        return more > 0
    pids = below(pid)
    return more > sum(map(waited_for_a_core, pids)) and not _waits_for_a_core(pids)


def _waits_for_a_core(pids: list[int]) -> bool:
    """Whether one of them would run, and none does, for a moment: the kernel counts a wait when it is over."""
    with contextlib.suppress(psutil.Error):  # gone
        used = [cpu_time(pid).total for pid in pids]
        time.sleep(_LOOK_SECONDS)
        would_run = any(psutil.Process(pid).status() == psutil.STATUS_RUNNING for pid in pids)
        return would_run and used == [cpu_time(pid).total for pid in pids]
    return False


def _told_by(process: "subprocess.Popen[bytes]") -> int:
    """The id of the command's process, which its supervisor tells before it becomes the command; 0 until then."""
    assert process.stdout is not None
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    return int(os.read(process.stdout.fileno(), 16) or 0) if poller.poll(0) else 0


def _why_not(found: list[Listener], wanted: int | None, was_told: bool) -> str:
    if not found:
        told = ": does it use {port}?" if was_told else ""
        return f"did not listen on {'its' if was_told else 'any'} port within {START_SECONDS:.0f} s{told}"
    places = " and ".join(sorted({place.written(one.host, one.port) for one in found}))
    return f"listens at {places}{ELSEWHERE}{wanted} that it was to take: leave {{port}} out if it has its own"


def _at(
    name: str, process: "subprocess.Popen[bytes]", found: list[Listener], log: IO[bytes], was_told: bool
) -> Started:
    try:
        best = place.best(found)
    except ValueError as error:
        raise not_ready(name, str(error), read_log(log)) from None
    host = place.host_of_clients(best.host)
    holders = [one.pid for one in found if one[:2] == best[:2]]
    return Started(process, _above_all(process.pid, holders), (host, best.port), place.note(best, host, was_told))


def _inside(
    name: str, process: "subprocess.Popen[bytes]", found: list[Listener], log: IO[bytes], inside: Place
) -> Started:
    """Where a server listens for the other hosts of its network."""
    meant = [one for one in found if one.host in (*place.EVERYWHERE, inside.address)]
    if not meant:
        why = f"listens at {place.written(*found[0][:2])}{UNREACHED}: let it listen at 0.0.0.0"
        raise not_ready(name, why, read_log(log))
    pid = _above_all(process.pid, [one.pid for one in meant if one[:2] == meant[0][:2]])
    return Started(process, pid, (inside.address, meant[0].port))


def _above_all(first: int, holders: list[int]) -> int:
    """The lowest process with all holders of a listener in it and below it: a prefork server's first process."""
    inside = below(first)
    for pid in reversed(inside[1:]):
        if set(holders) <= set(below(pid)):
            return pid
    return holders[0]
