"""`iomux.check` on correct servers, on faulty servers, and on functions that are no servers."""

import asyncio
import contextlib
import shutil
import socket
import sys
from pathlib import Path
from typing import NoReturn

import pytest

import iomux
from iomux.conformance.families import CHAT, ECHO
from iomux.conformance.http.stages import STAGED as HTTP
from iomux.conformance.redis.stages import STAGED as REDIS
from tests.c.programs import compiler, program
from tests.students.faults import (
    forever,
    keeps_clients_whose_send_failed,
    serve_without_pause,
)
from tests.students.right import (
    heap_that_fills_up,
)
from tests.support.checks import check, saw_all

linux = pytest.mark.skipif(sys.platform != "linux", reason="what each thread uses is known on Linux only")


async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def changes_one_byte(listener: socket.socket) -> NoReturn:
    """Changes the first byte of each client, if much has come at once."""
    while True:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            data = client.recv(65536)
            client.sendall(b"?" + data[1:] if len(data) > 4096 else data)
            while data := client.recv(65536):
                client.sendall(data)


@pytest.mark.parametrize("item", ["bulk", "half-close", "slow-reader"])
def test_one_changed_byte_fails_every_item_that_sends_much(item: str) -> None:
    assert check(changes_one_byte, item)[item].seen == (
        "the client got other bytes than it had sent: lost, doubled, or another client's"
    )


def serve_streams(listener: socket.socket) -> None:
    async def main() -> None:
        await asyncio.start_server(streams, sock=listener)
        await forever()

    listener.setblocking(False)
    asyncio.run(main())


SOME = ("echoes", "half-close", "slow-reader", "back-pressure", "ctrl-c")


def test_a_heap_that_stops_growing_is_no_leak() -> None:
    assert check(heap_that_fills_up, "leaks").passed


def test_keeping_a_client_after_send_has_failed_is_a_leak() -> None:
    result = check(keeps_clients_whose_send_failed, "leaks")["leaks"]
    assert result.seen == "descriptors of clients that reset while owed bytes stay open"


def test_asyncio_streams_with_drain_pass() -> None:
    assert check(serve_streams, SOME).failed == ()


def test_asyncio_without_pause_has_no_back_pressure() -> None:
    assert check(serve_without_pause, SOME).failed == ("back-pressure",)


needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed: apt install socat")


SOCAT = "socat -t 30 TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr"


@needs_socat
def test_socat_and_cat_pass() -> None:
    report = check(f"{SOCAT} EXEC:cat", ("echoes", "hundred", "half-close", "back-pressure", "silent", "ctrl-c"))
    assert report.failed == (), str(report)
    saw_all(report)


@needs_socat
def test_socat_with_a_pipe_to_itself_stalls_when_the_pipe_is_full() -> None:
    """By chance: it asks whether a page of the pipe is free, and stalls if it then has more to write than fits.

    Of 24 clients some meet that in nineteen runs of twenty, so three runs are enough to see it.
    """
    reports = (check(f"{SOCAT} PIPE", ("echoes", "pieces", "half-close", "ctrl-c")) for _ in range(3))
    report = next((report for report in reports if report.failed), None)
    assert report is not None
    assert report.failed == ("half-close",)


@pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler (cc, gcc or clang)")
def test_a_server_in_c_is_checked_by_its_command_line() -> None:
    report = check(
        f"{program('fork_server')} {{port}}", ("echoes", "hundred", "half-close", "reset", "leaks", "ctrl-c")
    )
    assert report.failed == (), str(report)
    saw_all(report)


def test_a_running_server_is_checked_without_seeing_its_process() -> None:
    with iomux.start("poll") as server:
        report = check(f"127.0.0.1:{server.address[1]}", ("echoes", "hundred", "urgent", "silent", "leaks", "ctrl-c"))
        assert server.alive
    assert report.failed == ()
    assert report.not_seen == ("silent", "leaks", "ctrl-c")
    assert report.earned < report.points, "what was not seen earns nothing"


def test_a_function_of_a_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def serve(listener):\n    while True:\n        c, _ = listener.accept()\n"
        "        while d := c.recv(100):\n            c.send(d)\n        c.close()\n"
    )
    report = check(f"{tmp_path}/mine.py:serve", ("echoes", "hundred"))
    assert report.target == "serve"
    assert report.failed == ("hundred",)
    assert report["hundred"].exempt == "", "the I/O model of a student's function is unknown"


def test_what_every_server_does_is_tried_and_reported_first() -> None:
    """A file's items follow one another, so one that moves to another file may change its place."""
    assert list(ECHO)[:6] == ["echoes", "sizes", "pieces", "together", "bulk", "hundred"]
    assert list(ECHO)[9:12] == ["idle", "reset", "mid-reset"]
    assert [next(iter(items)) for items in (CHAT, HTTP, REDIS)] == ["passes-on", "get", "ping"]
