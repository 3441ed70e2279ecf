"""Several processes on the command line: `iomux serve --processes`, and load from several by `iomux bench`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import iomux
from tests.support.clients import DEADLINE, all_gone, ask, connect
from tests.support.commands import iomux_command


@contextmanager
def serving(*options: str) -> Iterator[tuple["subprocess.Popen[str]", int, list[int]]]:
    """The command, running: its process, its port, and the ids of its servers."""
    command = [sys.executable, "-m", "iomux", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        first, second = server.stdout.readline(), server.stdout.readline()
        yield server, int(first.rpartition(":")[2]), [int(word) for word in second.rpartition(":")[2].split()]
        server.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sharing", ["reuseport", "inherited", "exclusive"])
def test_several_processes_serve_one_address_and_end_together(sharing: str, number: signal.Signals) -> None:
    if sharing == "exclusive" and "epoll" not in iomux.names():
        pytest.skip("epoll is not available here")
    with serving("epoll" if sharing == "exclusive" else "poll", "--processes", "2", "--sharing", sharing) as (
        server,
        port,
        pids,
    ):
        assert len(set(pids)) == 2
        all_of_it = psutil.Process(server.pid).children(recursive=True)
        for _ in range(4):
            with connect(("127.0.0.1", port)) as client:
                assert ask(client, b"hello") == b"hello"
        server.send_signal(number)
        assert server.communicate(timeout=DEADLINE) == ("", "")
    assert server.returncode == 0
    assert all_gone(all_of_it)


def test_a_port_can_be_chosen_and_is_not_shared_with_another_group() -> None:
    with iomux.listen() as free:
        port = free.getsockname()[1]
    with serving("poll", "--processes", "2", "--port", str(port)) as (_, given, _pids):
        assert given == port
        done = iomux_command("serve", "poll", "--processes", "2", "--port", str(port))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"address already in use: 127.0.0.1:{port}" in done.stderr


def test_one_that_ends_is_told_and_the_last_one_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import iomux\nprint('at import')\nserve = iomux.servers.get('poll').load()\n")
    with serving(f"{tmp_path}/mine.py:serve", "--processes", "2") as (server, _, pids):
        assert server.stderr is not None
        os.kill(pids[0], signal.SIGKILL)
        assert f"process 1 of 2 (pid {pids[0]}) was ended by SIGKILL" in server.stderr.readline()
        os.kill(pids[1], signal.SIGKILL)
        _, err = server.communicate(timeout=DEADLINE)
    assert server.returncode == 1
    assert "none of the serve servers runs" in err
    assert err.count("at import") >= 2


def test_load_comes_from_several_processes() -> None:
    options = ["--connections", "4", "--active", "all", "--repeats", "1", "--duration", "0.2"]
    (row,) = json.loads(iomux_command("bench", "poll", *options, "--processes", "2", "--json").stdout)
    assert (row["processes"], row["errors"], row["reason"]) == (2, 0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "poll", "--processes", "0"], "processes is 0: choose 1 to"),
        (["serve", "poll", "--processes", "many"], "is no whole number"),
        (["serve", "poll", "--sharing", "inherited"], "it goes with --processes"),
        (["serve", "poll", "--processes", "2", "--redis"], "leave out --processes"),
        (["serve", "poll", "--processes", "2", "--sharing", "exclusive"], "does not wait for its listener by"),
        (["bench", "poll", "--connections", "1", "--processes", "2"], "processes is 2, but there are 1 connections"),
        (["bench", "--ring", "8,2,5", "--processes", "2"], "--processes is for loading servers"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = iomux_command(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr
