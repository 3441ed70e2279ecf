"""`iomux.start`: a server in its own process, its start, its faults and its end."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

import iomux
from tests.students.faults import (
    breaks_at_first_client,
    breaks_at_once,
    leaves,
    prints_much_and_breaks,
    prints_without_end,
    prints_without_end_in_a_child,
    returns_at_once,
)
from tests.support.clients import DEADLINE, ask, connect, eventually
from tests.support.processes import marked, own_mark

Kernel = tuple[KernelManager, BlockingKernelClient]


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie counts as ended)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_running_server_reports_its_address_cpu_and_memory() -> None:
    with iomux.start("poll") as server:
        assert server.address[0] == "127.0.0.1"
        assert server.alive
        assert repr(server) == f"<poll server at 127.0.0.1:{server.address[1]}, pid {server.pid}>"
        with connect(server.address) as client:
            for _ in range(2000):
                ask(client, b"x" * 64)
        cpu = server.cpu()
        assert 0 < cpu.total < 60
        assert cpu.user + cpu.system == pytest.approx(cpu.total, abs=0.05)
        assert 1_000_000 < server.rss_bytes < 1_000_000_000
    assert repr(server).endswith(", stopped>")
    with pytest.raises(iomux.ServerError, match="was stopped"):
        server.cpu()


def test_stop_may_be_called_again() -> None:
    server = iomux.start("epoll") if "epoll" in iomux.names() else iomux.start("poll")
    server.stop()
    server.stop()
    assert gone(server.pid)


def test_a_server_without_references_ends() -> None:
    pid = iomux.start("poll").pid
    assert eventually(lambda: gone(pid))


def test_a_function_with_a_closure_is_a_server() -> None:
    greeting = b"hello "

    def serve(listener: Any, handler: Any = iomux.echo) -> None:
        while True:
            client, _ = listener.accept()
            with client:
                client.sendall(greeting + handler(client.recv(100)))

    with iomux.start(serve) as server, connect(server.address) as client:
        client.sendall(b"you")
        assert client.recv(100) == b"hello you"


def test_a_function_of_a_file_is_a_server(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        dedent("""
        REPLY = b"from a file"
        def serve(listener):
            while True:
                client, _ = listener.accept()
                client.sendall(REPLY)
                client.close()
        """)
    )
    with iomux.start(f"{file}:serve") as server, connect(server.address) as client:
        assert client.recv(100) == b"from a file"


@pytest.mark.parametrize(
    ("serve", "message"),
    [
        (breaks_at_once, r"(?s)status 1:.*Traceback.*ZeroDivisionError: on purpose"),
        (returns_at_once, r"(?s)returns_at_once\(\) returned: a server loops for ever"),
        (leaves, r"(?s)status 3:.*SystemExit: 3"),
    ],
)
def test_a_server_that_does_not_come_up_says_why(serve: Any, message: str) -> None:
    with pytest.raises(iomux.ServerError, match=message):
        iomux.start(serve)


def test_a_server_that_died_says_why_wherever_it_is_used() -> None:
    server = iomux.start(breaks_at_first_client)
    connect(server.address).close()
    assert eventually(lambda: not server.alive)
    assert "ended with status 1" in repr(server)
    for question in (
        server.cpu,
        lambda: server.rss_bytes,
        lambda: iomux.load(server),
        lambda: server.__exit__(None, None, None),
    ):
        with pytest.raises(iomux.ServerError, match="on purpose"):
            question()
    server.stop()


def test_a_with_block_does_not_hide_that_its_server_died() -> None:
    def use() -> None:
        with iomux.start(breaks_at_first_client) as server:
            connect(server.address).close()
            assert eventually(lambda: not server.alive)

    with pytest.raises(iomux.ServerError, match="on purpose"):
        use()


@pytest.mark.parametrize("name", ["nope", "no_such_file.py:serve", "tests/conftest.py:nothing"])
def test_an_unknown_server_is_a_clear_error(name: str) -> None:
    with pytest.raises(LookupError, match=r"no server is called|there is no file|has no function"):
        iomux.start(name)


def test_what_is_hidden_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "epoll, uvloop")
    assert "epoll" not in iomux.names()
    assert "epoll-et" not in iomux.names(), "a machine without epoll has no edge-triggered one either"
    assert "poll" in iomux.names()
    with pytest.raises(LookupError, match="hidden by the environment variable IOMUX_WITHOUT"):
        iomux.start("epoll")


def test_a_core_that_may_not_be_used_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match="is not among the cores"):
        iomux.start("poll", cpu=4096)


def test_a_handler_that_is_no_function_is_a_clear_error() -> None:
    with pytest.raises(TypeError, match="handler is 3: give a function"):
        iomux.start("poll", handler=3)  # type: ignore[arg-type]


def test_children_of_a_server_end_with_it() -> None:
    def forks(listener: Any) -> None:
        if os.fork() == 0:
            time.sleep(600)
        while True:
            listener.accept()

    with iomux.start(forks) as server:
        assert eventually(lambda: bool(psutil.Process(server.pid).children()))
        children = psutil.Process(server.pid).children()
    assert eventually(lambda: all(gone(child.pid) for child in children))


ROOT = Path(__file__).parents[2]
SCRIPT = "import iomux, sys, time; server = iomux.start('poll'); print(server.pid, flush=True); time.sleep(600)"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_a_killed_owner(number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not gone(pid)
        owner.send_signal(number)
        owner.wait(20)
        assert eventually(lambda: gone(pid))


def test_no_server_outlives_an_owner_whose_fork_lives_on() -> None:
    script = SCRIPT.replace(
        "print(", "child = __import__('os').fork(); child or time.sleep(600); print(child, end=' '); print("
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        fork, pid = map(int, owner.stdout.readline().split())
        owner.kill()
        owner.wait(20)
        assert eventually(lambda: gone(pid))
        os.kill(fork, signal.SIGKILL)


def test_a_fork_of_the_owner_that_ends_leaves_the_server_running() -> None:
    with iomux.start("poll") as server:
        fork = os.fork()
        if fork == 0:
            server.stop()  # the fork must not stop it
            os._exit(0)
        os.waitpid(fork, 0)
        assert server.alive
        with connect(server.address) as client:
            assert ask(client, b"still there?") == b"still there?"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread of the server has to watch its input")
@pytest.mark.parametrize("stop_it", [False, True])
def test_no_server_outlives_its_owner_whatever_it_does(stop_it: bool) -> None:
    script = SCRIPT.replace("'poll'", "__import__('tests.students.faults', fromlist=['x']).closes_its_input")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        if stop_it:
            os.kill(pid, signal.SIGSTOP)
        owner.kill()
        owner.wait(20)
        assert eventually(lambda: gone(pid))


@pytest.mark.parametrize("milliseconds", [1, 10, 30, 60, 100])
def test_no_load_generator_outlives_an_owner_killed_early(milliseconds: int) -> None:
    script = "import iomux; s = iomux.start('poll'); print('started', flush=True); iomux.load(s, duration=300)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        assert eventually(lambda: len(psutil.Process(owner.pid).children()) == 2)
        children = psutil.Process(owner.pid).children()
        time.sleep(milliseconds / 1000)
        owner.kill()
        owner.wait(20)
        assert eventually(lambda: all(gone(child.pid) for child in children))


def test_processes_started_by_a_dead_server_end_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def starts_and_fails(listener: Any) -> None:
        listener.accept()
        subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
        raise ZeroDivisionError("on purpose")

    monkeypatch.setenv("IOMUX_MARK", mark := own_mark("starts and fails"))
    server = iomux.start(starts_and_fails)
    connect(server.address).close()
    assert eventually(lambda: not server.alive)
    assert eventually(lambda: marked(mark) == []), "without a call of stop"
    server.stop()


@pytest.mark.parametrize("leave", [lambda: os.setpgid(0, 0), os.setsid], ids=["group", "session"])
def test_a_child_in_a_group_or_session_of_its_own_ends_with_its_server(leave: Callable[[], Any]) -> None:
    def forks(listener: Any) -> None:
        if os.fork() == 0:
            leave()
            print("left")
            time.sleep(600)
        time.sleep(600)

    with iomux.start(forks) as server:
        assert eventually(lambda: server.log == "left\n")
        children = psutil.Process(server.pid).children()
    assert len(children) == 1
    assert eventually(lambda: gone(children[0].pid))


def test_the_output_of_a_server_can_be_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    def talks(listener: Any) -> None:
        print("here I am")
        time.sleep(600)

    with iomux.start(talks) as server:
        assert eventually(lambda: server.log == "here I am\n")


MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="a hole is punched into a log on Linux only")


def held_bytes(server: iomux.Server) -> int:
    """How many bytes of disk a server's log takes."""
    return os.fstat(server._log.fileno()).st_blocks * 512


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "iomux-logs"]


@linux
@pytest.mark.parametrize("serve", [prints_without_end, prints_without_end_in_a_child])
def test_a_server_that_prints_without_end_does_not_fill_the_disk(serve: Any) -> None:
    with iomux.start(serve) as server:
        assert eventually(lambda: server.written_bytes > 256 * MIB)
        for process in (psutil.Process(server.pid), *psutil.Process(server.pid).children()):
            process.suspend()
        assert eventually(lambda: held_bytes(server) <= 16 * MIB)
        assert server.log.rstrip().endswith("x" * 100)
        assert server.log.startswith("[")
    assert eventually(lambda: not watchers())


@linux
def test_the_last_words_of_a_server_that_printed_much_are_kept() -> None:
    server = iomux.start(prints_much_and_breaks)
    connect(server.address).close()
    assert eventually(lambda: not server.alive)
    assert eventually(lambda: held_bytes(server) <= 16 * MIB)
    with pytest.raises(iomux.ServerError, match="ZeroDivisionError: on purpose"):
        server.check()
    server.stop()


def test_a_stopped_server_does_not_answer_for_its_address() -> None:
    server = iomux.start("poll")
    server.stop()
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        iomux.load(server.address, duration=0.1)


@contextlib.contextmanager
def running_kernel() -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield manager, client
    finally:
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A separate notebook kernel, for a test that ends it."""
    with running_kernel() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def lasting_kernel() -> Iterator[Kernel]:
    """A shared notebook kernel, for tests that leave it running: to start one takes a second."""
    with running_kernel() as shared:
        yield shared


def run_cell(client: BlockingKernelClient, code: str) -> str:
    """Run a cell, and return what it prints."""
    printed: list[str] = []

    def collect(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, output_hook=collect, timeout=60)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed)


START = "import iomux\nserver = iomux.start('poll')\nprint(server.pid)\nserver"


def test_kernel_restart_ends_the_server(kernel: Kernel) -> None:
    manager, client = kernel
    pid = int(run_cell(client, START))
    manager.restart_kernel(now=False)
    assert eventually(lambda: gone(pid))


def test_kernel_shutdown_ends_the_server(kernel: Kernel) -> None:
    manager, client = kernel
    pid = int(run_cell(client, START))
    manager.shutdown_kernel()
    assert eventually(lambda: gone(pid))


def test_kernel_killed_ends_the_server(kernel: Kernel) -> None:
    _, client = kernel
    pid, owner = map(int, run_cell(client, START + "\nimport os; print(os.getpid())").split())
    os.kill(owner, signal.SIGKILL)
    assert eventually(lambda: gone(pid))


def test_interrupt_of_a_cell_leaves_the_server_running(lasting_kernel: Kernel) -> None:
    manager, client = lasting_kernel
    pid = int(run_cell(client, START))
    cell = "import time; print('asleep', flush=True); time.sleep(600)"
    waiting = client.execute(cell, stop_on_error=False)  # or the next cell may be aborted with it
    while client.get_iopub_msg(timeout=DEADLINE)["msg_type"] != "stream":
        pass

    def interrupted() -> bool:
        """Interrupt once more: ipykernel loses one that comes while it is still sending what the cell has printed."""
        manager.interrupt_kernel()
        with contextlib.suppress(queue.Empty):
            return bool(client.get_shell_msg(timeout=1)["parent_header"]["msg_id"] == waiting)
        return False

    assert eventually(interrupted)
    assert run_cell(client, "print(server.alive)") == "True\n"
    assert not gone(pid)


def test_running_the_cell_again_replaces_its_server(lasting_kernel: Kernel) -> None:
    _, client = lasting_kernel
    first = int(run_cell(client, START))
    second = int(run_cell(client, START))
    assert first != second
    assert eventually(lambda: gone(first))
    assert not gone(second)


def test_one_cell_may_start_several(lasting_kernel: Kernel) -> None:
    _, client = lasting_kernel
    code = "import iomux\nservers = [iomux.start('poll') for _ in range(3)]\nprint(*[s.pid for s in servers])\nservers"
    first = [int(pid) for pid in run_cell(client, code).split()]
    assert not any(gone(pid) for pid in first)
    second = [int(pid) for pid in run_cell(client, code).split()]
    assert eventually(lambda: all(gone(pid) for pid in first))
    assert not any(gone(pid) for pid in second)


def test_an_interrupted_start_leaves_nothing(tmp_path: Path) -> None:
    script = dedent(f"""
        import iomux, os, signal, threading, time
        def slow(listener):
            time.sleep(600)
        try:
            threading.Timer(0.15, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            for _ in range(100):
                iomux.start(slow).stop()
        except KeyboardInterrupt:
            open({str(tmp_path / "seen")!r}, "w").write("interrupted")
        import psutil  # interrupted within Popen the child is not stopped, but its lifeline is closed: it soon ends
        print(len(psutil.wait_procs(psutil.Process().children(), timeout={DEADLINE})[1]))
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (tmp_path / "seen").read_text() == "interrupted"
    assert done.stdout == "0\n", done.stderr
