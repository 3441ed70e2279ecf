"""`iomux.start`: a server in its own process, its start, its faults and its end."""

import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

import iomux
from tests.students.faults import (
    breaks_at_first_client,
    breaks_at_once,
    leaves,
    returns_at_once,
)
from tests.support.clients import DEADLINE, ask, connect, eventually


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
        iomux.start("poll", handler=3)  # type: ignore[call-overload]


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


def test_a_stopped_server_does_not_answer_for_its_address() -> None:
    server = iomux.start("poll")
    server.stop()
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        iomux.load(server.address, duration=0.1)


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
