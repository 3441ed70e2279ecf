"""The system calls that a traced server counts, against those that strace(1) sees the plain server make.

The number depends on when the next request comes: a client that sends at once may be faster than an edge-triggered
server that has yet to read until EAGAIN, and saves it that `recv` and the sleep. So in both runs the client waits
until the server sleeps.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import iomux
from iomux.course.strace import counts, why_not
from iomux.harness.timeline.table import syscalls_per_request
from iomux.harness.timeline.timeline import collect, traced
from iomux.harness.timeline.trace import SEND, events
from iomux.servers import get
from iomux.system.sockets import Address
from tests.support.clients import DEADLINE, ask, connect

REQUESTS = 200
KINDS = {
    "wait": ("select", "pselect6", "poll", "ppoll", "epoll_wait", "epoll_pwait", "io_uring_enter"),
    "recv": ("recvfrom", "recvmsg"),
    "send": ("sendto", "sendmsg"),
}
"""The kernel's names of the calls in `attrs["syscalls_per_request"]`."""


@pytest.fixture(scope="module", autouse=True)
def _strace_works() -> None:
    if reason := why_not():
        pytest.skip(reason)


def wait_until_asleep(server: psutil.Process) -> None:
    """Return when the server sleeps in a call; while strace inspects a call, its state is "tracing-stop"."""
    until = time.monotonic() + DEADLINE
    while server.status() != psutil.STATUS_SLEEPING:
        assert time.monotonic() < until, f"the server is {server.status()}"


def ask_in_peace(address: Address, server: psutil.Process) -> None:
    """One client sends `REQUESTS` requests, each when the server sleeps."""
    with connect(address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(REQUESTS):
            wait_until_asleep(server)
            message = bytes([number % 256]) * 64
            assert ask(client, message) == message
        wait_until_asleep(server)


def seen_by_the_trace(name: str, file: Path) -> dict[str, float]:
    """Calls per request that the traced server counts, from the first answer to the last."""
    with iomux.start(traced(name, 10 * REQUESTS, str(file))) as server:
        ask_in_peace(server.address, psutil.Process(server.pid))
        served = events(collect(server, str(file)))
        answers = [event for event in served if event.kind == SEND]
    return syscalls_per_request(answers, warmup=1, most=REQUESTS)


def seen_by_strace(name: str, file: Path) -> dict[str, int]:
    """Calls per request that strace sees the plain server make."""
    command = ["strace", "-f", "-c", "-o", str(file), sys.executable, "-m", "iomux", "serve", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as strace:
        try:
            assert strace.stdout is not None
            host, port = strace.stdout.readline().split()[-1].split(":")
            (server,) = psutil.Process(strace.pid).children()
            ask_in_peace((host, int(port)), server)
            until = time.monotonic() + DEADLINE
            while strace.poll() is None and time.monotonic() < until:  # one may come just before the call that waits
                server.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    strace.wait(2)
            assert strace.returncode is not None
        finally:
            for child in psutil.Process(strace.pid).children() if strace.poll() is None else []:
                child.kill()
            strace.kill()
    return counts(file.read_text())


@pytest.mark.parametrize("name", ["blocking", "select", "poll", "epoll", "epoll-et", "coroutines", "io_uring"])
def test_strace_counts_what_the_trace_counts(name: str, tmp_path: Path) -> None:
    if reason := get(name).why_not():
        pytest.skip(f"{name}: {reason}")
    counted = seen_by_the_trace(name, tmp_path / "trace")
    seen = seen_by_strace(name, tmp_path / "summary")
    for kind, names in KINDS.items():
        calls = sum(seen.get(call, 0) for call in names)
        assert calls / REQUESTS == pytest.approx(counted[kind], abs=5 / REQUESTS), (kind, seen)
    if name == "epoll-et":
        assert (counted["recv"], counted["wait"]) == (2, 2), "the second recv finds no more, then it sleeps"
