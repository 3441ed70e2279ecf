"""`python -m tests.protocols.http.clients`: programs of others speak to our server, and here is whether they are happy.

Each is data: a command line, and an expression that is to be found in what it prints. A program that is not here is
named as missing. Python's clients (http.client, requests, httpx, aiohttp) are in test_clients.py.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import iomux
from iomux.protocols.http import Limits, application, site
from tests.protocols.http.suite.peers import echo
from tests.protocols.outside import Client, table

LARGE_BYTES = 10_000_000
LIMITS = Limits(head_seconds=1, body_seconds=1)


CLIENTS = (
    Client("curl -sS -D- {site}/", r"(?s)\AHTTP/1\.1 200 OK\r\n.*<p>index"),
    Client("curl -sS -I {site}/large.bin", rf"Content-Length: {LARGE_BYTES}\r\n"),
    Client("curl -sS -o {folder}/got -w %{{http_code}},%{{size_download}} {site}/large.bin", rf"200,{LARGE_BYTES}\Z"),
    Client("curl -sS -r 5-9 {site}/digits", r"\A56789\Z"),
    Client("curl -sS -C 4 {site}/digits", r"\A456789\Z"),
    Client("curl -sS -z {folder}/www/digits -w %{{http_code}} {site}/digits", r"\A304\Z"),
    Client("curl -sS -w %{{num_connects}} {site}/digits {site}/digits", r"\A01234567891" r"01234567890\Z"),
    Client("curl -sS --http1.0 {site}/digits", r"\A0123456789\Z"),
    Client("curl -sS --path-as-is -w %{{http_code}} {site}/../../../etc/passwd", r"404\Z"),
    Client("curl -sS --data-binary @{folder}/www/digits {app}/", r"\A0123456789\Z"),
    Client(
        "curl -sS -X POST -H Transfer-Encoding:chunked --data-binary @{folder}/www/digits {app}/", r"\A0123456789\Z"
    ),
    Client(
        "curl -sS -v -H Expect:100-continue -d @{folder}/www/digits {app}/", r"(?s)HTTP/1.1 100 Continue.*0123456789"
    ),
    Client("curl -sS -o {folder}/got -w %{{http_code}} --data-binary @{folder}/www/large.bin {app}/", r"\A413\Z"),
    Client("wrk -t 1 -c 10 -d 1s {site}/digits", r"\A(?!(?s:.*)(Non-2xx|Socket errors))(?s:.*)Requests/sec", "-v"),
    Client("ab -q -n 300 -c 20 {site}/digits", r"Complete requests: +300\nFailed requests: +0\n", "-V"),
    Client("ab -q -k -n 300 -c 20 {site}/digits", r"Failed requests: +0\nKeep-Alive requests: +300\n", "-V"),
    Client("h2load --h1 -n 300 -c 20 {site}/digits", r"300 succeeded, 0 failed"),
    Client("hey -n 300 -c 20 {site}/digits", r"\[200\]\s+300 responses", ""),
    Client("slowhttptest -H -c 20 -r 20 -i 5 -l 20 -u {site}/", r"No open connections left", "-h"),
    Client("slowhttptest -B -c 20 -r 20 -i 5 -l 20 -u {app}/", r"No open connections left", "-h"),
    Client(
        "slowhttptest -X -c 20 -r 20 -w 512 -y 1024 -n 1 -z 32 -k 3 -p 2 -l 4 -u {site}/large.bin",
        r"(?s)service available:\S*\s+\S*YES(?!.*NO)",
        "-h",
    ),
)


@contextlib.contextmanager
def served() -> Iterator[dict[str, str]]:
    """A site and an application, by the names that commands have for them."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "www"
        root.mkdir()
        (root / "index.html").write_text("<p>index")
        (root / "digits").write_text("0123456789")
        (root / "large.bin").write_bytes(bytes(LARGE_BYTES))
        files, app = site(root, limits=LIMITS), application(echo, limits=LIMITS)
        with iomux.start("epoll", protocol=files) as first, iomux.start("epoll", protocol=app) as second:
            yield {"site": url(first.address), "app": url(second.address), "folder": name}


def url(address: tuple[str, int]) -> str:
    """The address as a URL without a path."""
    return f"http://{address[0]}:{address[1]}"


if __name__ == "__main__":
    with served() as places:
        sys.exit(not table(CLIENTS, places))
