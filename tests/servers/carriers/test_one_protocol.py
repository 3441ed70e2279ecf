"""One protocol object, every mechanism: the same web server and the same store, asked by clients that others wrote."""

import http.client
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import iomux
from iomux.protocols import http as web
from iomux.protocols import resp
from iomux.servers import get
from tests.support.clients import connect, receive

NAMES = [mechanism.name for mechanism in iomux.mechanisms()]
LARGE = bytes(range(256)) * 8192
COUNT = 1000


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
