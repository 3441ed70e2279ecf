"""`iomux serve NAME --http FOLDER` and `--redis`: what they say, what they serve, and what is wrong in one line."""

import contextlib
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import iomux
from tests.support.clients import connect, receive
from tests.support.commands import iomux_command


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[int, list[str]]]:
    """The command, running: its port, and the lines that it has printed below that."""
    command = [sys.executable, "-m", "iomux", "serve", "poll", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            first, *lines = (server.stdout.readline().strip() for _ in range(3))
            assert first.startswith("listening on 127.0.0.1:")
            yield int(first.rpartition(":")[2]), lines
        finally:
            server.terminate()
    assert server.returncode == 0


def test_a_folder_is_served_over_http(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_bytes(b"a page")
    with serving("--http", str(tmp_path)) as (port, lines):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/page.txt")
        assert connection.getresponse().read() == b"a page"
        connection.close()
    assert lines[0] == f"HTTP/1.1, the files in {tmp_path}"
    assert lines[1].startswith("for learning")


def test_a_small_redis_is_served() -> None:
    with serving("--redis") as (port, lines), connect(("127.0.0.1", port)) as client:
        client.sendall(b"SET a b\r\nGET a\r\n")
        assert receive(client, 12) == b"+OK\r\n$1\r\nb\r\n"
    assert lines[0].startswith("Redis' protocol")
    assert lines[1].startswith("for learning")


WRONG = [
    (["--http", "no_such_folder"], "no such file or directory: no_such_folder"),
    (["--http", __file__], f"not a directory: {__file__}"),
    (["--http", ".", "--redis"], "not allowed with argument"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_what_is_wrong_is_said_in_one_line(options: list[str], said: str) -> None:
    done = iomux_command("serve", "poll", *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert "permission denied" in iomux_command("serve", "poll", "--http", str(tmp_path / "closed")).stderr


def test_a_port_that_is_taken_is_said() -> None:
    with iomux.listen() as taken:
        port = str(taken.getsockname()[1])
        done = iomux_command("serve", "poll", "--redis", "--port", port)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"address already in use: 127.0.0.1:{port}" in done.stderr


def test_a_server_that_takes_no_handler_can_carry_none(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def serve(listener):\n    while True:\n        listener.accept()\n")
    done = iomux_command("serve", f"{file}:serve", "--redis")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "serve takes a listener only: write serve(listener, handler)" in done.stderr
