"""Nothing of a network is left, however it ends: no process, no namespace, no descriptor."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import iomux
from tests.networks.test_refused import in_own_namespaces
from tests.support.clients import eventually
from tests.support.processes import children, marked, own_mark

pytestmark = pytest.mark.usefixtures("works")
ROOT = Path(__file__).parents[2]
BUSY = """
import iomux, socket, sys, time
with iomux.network(delay_ms=50) as (a, b), iomux.network() as other:
    server = b.start("poll")
    client = a.socket()
    client.connect(server.address)
    client.sendall(b"x" * 1000)
    print(server.pid, flush=True)
    time.sleep(600)
"""
AGAIN = """
import faulthandler, iomux, os, signal
faulthandler.register(signal.SIGUSR1)
print("ready", flush=True)
while True:
    with iomux.network(delay_ms=1) as (a, b):
        with b.start("poll") as server, a.socket() as client:
            client.connect(server.address)
            a.run(os.getpid)
            a.load(server, duration=0.05, warmup=0)
"""
MANY = """
import iomux
for number in range(30):
    with iomux.network() as (a, b), b.listen() as listener, a.socket() as client:
        client.connect(listener.getsockname())
        client.sendall(b"never read")
print("made and dropped")
"""


SECONDS = 60
LOST = "Exception ignored in: <function _get_module_lock.<locals>.cb"
"""An exception in a weak reference's callback ends nothing (importlib._bootstrap, _get_module_lock; weakref)."""


def namespaces() -> set[str]:
    """The network namespaces in which there are processes."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(os.readlink(entry / "ns" / "net"))
            except OSError:  # gone meanwhile
                continue
    return found


@contextlib.contextmanager
def own(script: str, mark: str) -> Iterator["subprocess.Popen[str]"]:
    """A process of its own that has networks; it is ended if the test fails before it does that."""
    environment = {**os.environ, "IOMUX_MARK": mark}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as owner:
        try:
            yield owner
        finally:
            owner.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_owner_leaves_no_process_and_no_namespace(number: signal.Signals) -> None:
    ours, mark = os.readlink("/proc/self/ns/net"), own_mark(f"network {number}")
    with own(BUSY, mark) as owner:
        assert owner.stdout is not None
        server = int(owner.stdout.readline())
        assert os.readlink(f"/proc/{server}/ns/net") != ours
        inside = {os.readlink(f"/proc/{pid}/ns/net") for pid in marked(mark)} - {ours}
        owner.send_signal(number)
        owner.communicate(timeout=30)
        assert eventually(lambda: not marked(mark))
        assert eventually(lambda: not inside & namespaces()), "a number may be another's for a moment"


def test_an_owner_whose_fork_lives_on_leaves_nothing_either() -> None:
    mark = own_mark("network and a fork")
    script = BUSY.replace("print(", "import os; child = os.fork(); child or time.sleep(600); print(child, ")
    with own(script, mark) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline().split()[0])
        try:
            owner.kill()
            owner.wait(20)
            assert eventually(lambda: marked(mark) == [child])
        finally:
            os.kill(child, signal.SIGKILL)


def last_words(owner: "subprocess.Popen[str]") -> str:
    """What it writes until it has ended; if it does not end, where it hangs.

    Python itself loses an interrupt that comes while the callback of an import's lock runs, and says so: one in 300 in
    the first second, with its imports. Whoever sits at a terminal presses Ctrl-C once more, and so do we.
    """
    try:
        return owner.communicate(timeout=SECONDS)[1]
    except subprocess.TimeoutExpired:
        owner.send_signal(signal.SIGUSR1)
        time.sleep(1)
        owner.send_signal(signal.SIGINT)
    try:
        words = owner.communicate(timeout=SECONDS)[1]
    except subprocess.TimeoutExpired:
        owner.kill()
        return f"{owner.communicate()[1]}\nit did not end"
    return words if LOST in words else f"{words}\nit did not end at the first interrupt"


def test_an_interrupt_at_any_moment_leaves_nothing() -> None:
    draws = random.Random(21)
    for number in range(12):
        mark = own_mark(f"network, interrupt {number}")
        with own(AGAIN, mark) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "ready\n"
            time.sleep(draws.uniform(0, 1.5))
            owner.send_signal(signal.SIGINT)
            error = last_words(owner)
            assert error.strip().endswith("KeyboardInterrupt")
            assert eventually(lambda mark=mark: not marked(mark))  # type: ignore[misc]


def test_many_are_made_and_dropped_and_their_namespaces_are_gone() -> None:
    """In a user namespace that allows so few at once that what is left behind would be missed soon."""
    few = in_own_namespaces("--user", "--map-root-user")
    script = ["sh", "-c", 'echo 20 > /proc/sys/user/max_net_namespaces && exec "$@"', "sh", sys.executable, "-c", MANY]
    done = subprocess.run([*few, *script], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.stdout == "made and dropped\n", done.stderr


def test_descriptors_and_processes_are_given_back() -> None:
    with iomux.network():
        pass
    before, running = len(os.listdir("/proc/self/fd")), children()
    for _ in range(5):
        network = iomux.network(hosts=3)
        network[1].start("poll")
        network.stop()
    assert len(os.listdir("/proc/self/fd")) == before
    assert children() == running


def test_a_network_that_nobody_holds_is_ended() -> None:
    before = children()
    a, b = iomux.network()
    near, far = a.socket(), b.listen()
    with near, far:
        near.connect(far.getsockname())
    del b
    assert a.run(int) == 0
    assert len(children() - before) == 2
    del a
    assert eventually(lambda: children() == before)
