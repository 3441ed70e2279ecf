"""`iomux.start(server, processes=N)`: several processes behind one address, one by one and in sum."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import iomux
from iomux.processes.group import Group
from iomux.processes.sharing.listeners import SHARINGS
from iomux.servers import get
from tests.processes.test_start import gone
from tests.support.clients import ask, connect, eventually

CLIENTS = 40


@contextmanager
def clients(address: tuple[str, int], count: int = CLIENTS) -> Iterator[list[socket.socket]]:
    """So many clients, connected one after the other and all answered."""
    opened = [connect(address) for _ in range(count)]
    try:
        for one in opened:
            ask(one, b"hello")
        yield opened
    finally:
        for one in opened:
            one.close()


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("name", ["epoll", "epoll-et", "coroutines", "asyncio"])
def test_every_client_is_served_and_counted_by_one_process(name: str, sharing: str) -> None:
    get(name).load()
    with iomux.start(name, processes=2, sharing=sharing) as group, clients(group.address):
        counts = [one.accepted for one in group.processes]
        assert sum(count or 0 for count in counts) == group.accepted == CLIENTS
        assert len(set(group.pids)) == 2
        assert group.rss_bytes >= sum(one.rss_bytes for one in group.processes) * 0.5
        assert group.cpu().total >= max(one.cpu().total for one in group.processes) * 0.5
        assert group.sharing in repr(group)
    assert all(gone(one.pid) for one in group.processes)
    assert group.accepted == CLIENTS, "the count is told when they have ended, too"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(group.address)


@pytest.mark.parametrize("name", ["blocking", "threaded", "nonblocking", "select", "poll"])
def test_a_server_that_knows_no_epoll_shares_one_listener(name: str) -> None:
    with iomux.start(name, processes=2, sharing="inherited") as group:
        for _ in range(3):
            with clients(group.address, 1):
                pass
        assert group.accepted == 3


@pytest.mark.parametrize("name", ["io_uring", "uvloop"])
def test_what_accepts_below_python_is_served_and_not_counted(name: str) -> None:
    if why := get(name).why_not():
        pytest.skip(why)
    with iomux.start(name, processes=2) as group, clients(group.address):
        assert group.accepted is None


def test_a_hash_gives_both_of_two_processes_some_of_many_clients() -> None:
    with iomux.start("poll", processes=2, sharing="reuseport") as group, clients(group.address, 100):
        assert min(one.accepted or 0 for one in group.processes) > 10  # 100 throws of a coin: 2 in 10^17


def noisy(listener: Any, handler: Any = iomux.echo) -> None:
    """Says where it runs, then serves."""
    print("here is", os.getpid(), flush=True)
    iomux.servers.get("poll").load()(listener, handler)


def test_each_has_a_log_of_its_own_and_the_group_has_all() -> None:
    with iomux.start(noisy, processes=3) as group:
        assert eventually(lambda: all(f"here is {one.pid}" in one.log for one in group.processes))
        assert [line for line in group.log.splitlines() if line.startswith("---")] == [
            f"--- process {number}, pid {one.pid}" for number, one in enumerate(group.processes, 1)
        ]


@pytest.mark.parametrize("sharing", ["inherited", "reuseport"])
def test_one_that_dies_is_reported_while_the_others_go_on(sharing: str) -> None:
    group = iomux.start("poll", processes=3, sharing=sharing)
    first, *others = group.processes
    os.kill(first.pid, signal.SIGKILL)
    assert eventually(lambda: not first.alive)
    with clients(group.address, 9):
        assert sum(one.accepted or 0 for one in others) == 9
    assert group.died == (f"process 1 of 3 (pid {first.pid}) was ended by SIGKILL",)
    assert group.died[0] in repr(group)
    assert group.pids == tuple(one.pid for one in others)
    assert group.cpu().total > 0
    with pytest.raises(iomux.ServerError, match="process 1 of 3"), group:
        pass
    assert not group.alive


def test_one_that_is_stopped_is_no_death() -> None:
    with iomux.start("poll", processes=2) as group:
        group.processes[0].stop()
        assert group.died == ()
        with clients(group.address, 3):
            assert group.processes[1].accepted == 3
    assert "stopped" in repr(group)


def test_when_none_is_left_that_is_an_error_with_all_causes() -> None:
    group = iomux.start("poll", processes=2)
    for one in group.processes:
        os.kill(one.pid, signal.SIGTERM)
    with pytest.raises(iomux.ServerError, match=r"none of the poll servers runs: process 1 .* process 2 "):
        group.check(grace=5.0)
    group.stop()
    group.stop()
    with pytest.raises(iomux.ServerError, match="were stopped"):
        group.cpu()


def fails(listener: Any) -> None:
    """Ends at once."""
    raise ZeroDivisionError("planted")


def test_a_server_that_fails_at_once_leaves_nothing() -> None:
    before = {*os.listdir("/proc/self/fd")}
    with pytest.raises(iomux.ServerError, match="planted"):
        iomux.start(fails, processes=3)
    assert {*os.listdir("/proc/self/fd")} == before


def test_a_group_without_references_ends() -> None:
    group: Group | None = iomux.start("poll", processes=2)
    assert group
    pids = group.pids
    group = None
    assert eventually(lambda: all(map(gone, pids)))


def test_a_group_ends_with_its_owner_however_that_ends() -> None:
    script = "import iomux; g = iomux.start('poll', processes=3); print(*g.pids, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 3
        owner.kill()
    assert eventually(lambda: all(map(gone, pids)))


def makes_its_own(host: str, port: int) -> None:
    """A blocking server with a `listen` of its own."""
    with socket.create_server((host, port)) as listener:
        while True:
            listener.accept()[0].close()


@pytest.mark.parametrize(
    ("server", "asked", "said"),
    [
        ("poll", {"processes": 0}, "processes is 0: choose 1 to 256"),
        ("poll", {"processes": 1.5}, "processes is 1.5: choose"),
        ("poll", {"processes": True}, "processes is True: choose"),
        ("poll", {"processes": 2, "sharing": "fork"}, "sharing is 'fork': choose from reuseport, inherited, exclusive"),
        ("poll", {"sharing": "inherited"}, "one process shares its address with nobody: give processes"),
        ("poll", {"processes": 2, "port": 8000}, "takes the listener that it is given: leave port out"),
        ("python3 -m http.server {port}", {"processes": 2}, "makes its own listener, which 2 processes can't share"),
        (makes_its_own, {"processes": 2}, "makes_its_own makes its own listener, which 2 processes can't share"),
        (("127.0.0.1", 8000), {"processes": 2}, "is an address: a server runs there, or nobody does"),
        ("poll", {"processes": 2, "sharing": "exclusive"}, "poll does not wait for its listener by .*select.epoll"),
        ("threaded", {"processes": 2, "sharing": "exclusive"}, "choose sharing='inherited' or 'reuseport'"),
    ],
)
def test_what_can_not_share_is_refused_in_one_sentence(server: Any, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        iomux.start(server, **asked)
    assert "\n" not in str(refused.value)
