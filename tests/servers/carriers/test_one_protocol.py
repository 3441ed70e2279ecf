"""One protocol object, every mechanism: the same web server and the same store, asked by clients that others wrote."""

import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import iomux
from iomux.protocols import http as web
from iomux.protocols import resp
from iomux.servers import get
from tests.support.clients import connect, eventually, receive, receive_all, unsent

NAMES = [mechanism.name for mechanism in iomux.mechanisms()]
LARGE = bytes(range(256)) * 8192
COUNT = 1000
TRANSPORTS = {"asyncio", "uvloop"}


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    if why := get(request.param).why_not():
        pytest.skip(why)
    return str(request.param)


@pytest.fixture
def site(name: str, tmp_path: Path) -> Iterator[iomux.Server]:
    (tmp_path / "large.bin").write_bytes(LARGE)
    (tmp_path / "index.html").write_bytes(b"hello")
    with iomux.start(name, protocol=web.site(tmp_path)) as running:
        yield running


def test_a_web_server(site: iomux.Server) -> None:
    client = http.client.HTTPConnection(*site.address, timeout=20)
    bodies = []
    for path in ("/", "/large.bin", "/none", "/"):
        client.request("GET", path)
        response = client.getresponse()
        bodies.append((response.status, response.read()))
    client.close()
    assert [status for status, _ in bodies] == [200, 200, 404, 200]
    assert [bodies[i][1] for i in (0, 1, 3)] == [b"hello", LARGE, b"hello"]
    if curl := shutil.which("curl"):
        url = "http://{}:{}".format(*site.address)
        words = [curl, "-sS", f"{url}/", f"{url}/large.bin", "-r", "0-9"]
        assert subprocess.run(words, capture_output=True, timeout=20, check=True).stdout == b"hello" + LARGE[:10]
    assert site.log == ""


@pytest.mark.skipif(not hasattr(socket, "MSG_MORE"), reason="send(2) has no MSG_MORE here")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_last_answer_and_the_end_arrive_in_one_segment(name: str, site: iomux.Server, version: str) -> None:
    if name in TRANSPORTS:
        pytest.skip("asyncio's transports take no flags of send(2)")
    os.kill(site.pid, signal.SIGSTOP)
    try:
        with connect(site.address) as client:
            client.sendall(f"GET / HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert eventually(lambda: unsent(client) == 0)  # the kernel has acknowledged the question
            before = segments(client)
            os.kill(site.pid, signal.SIGCONT)
            assert receive_all(client).endswith(b"hello")
            assert segments(client) - before == 1
    finally:
        os.kill(site.pid, signal.SIGCONT)


def segments(client: socket.socket) -> int:
    """How many segments have come to a client (include/uapi/linux/tcp.h, tcpi_segs_in)."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)
    return int(struct.unpack_from("=I", info, 140)[0])


def test_a_store(name: str) -> None:
    with iomux.start(name, protocol=resp.store()) as server:
        with connect(server.address) as client:
            client.sendall(b"SET large %b\r\n" % (b"x" * 60_000) + b"STRLEN large\r\n" + b"INCR n\r\n" * COUNT)
            due = b"+OK\r\n:60000\r\n" + b"".join(b":%d\r\n" % (n + 1) for n in range(COUNT))
            assert receive(client, len(due)) == due
        if cli := shutil.which("redis-cli"):
            words = [cli, "-h", server.address[0], "-p", str(server.address[1]), "-3", "incr", "n"]
            said = subprocess.run(words, capture_output=True, timeout=20, check=True).stdout
            assert re.fullmatch(rb"(\(integer\) )?%d\n" % (COUNT + 1), said)
        assert server.log == ""
