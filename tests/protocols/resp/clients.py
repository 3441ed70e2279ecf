"""`python -m tests.protocols.resp.clients`: programs of others speak to our store, and here is whether they are happy.

Redis' own programs, and two libraries for Python. What is not here is named as missing. What the libraries and
redis-cli can do beside this is in test_real_clients.py.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import iomux
from iomux.course.clients import programs
from iomux.protocols import resp
from tests.protocols.outside import Client, table

_KEPT = "MSET a " + "x" * 50 + " b y\r\nRPUSH list 1 2 3\r\nHSET h a 1\r\n"
_LIBRARY = (
    "{{python}} -c 'import {name}; one = {name}.Redis(port={{port}}, protocol={version}, decode_responses=True); "
    'one.set("k", "v", ex=100); print(one.get("k"), one.ttl("k"))\''
)


def _library(name: str, version: int) -> Client:
    told = f"-c 'import {name}; print({name}.__version__)'"
    return Client(_LIBRARY.format(name=name, version=version), r"\Av 100\n\Z", told, module=name)


CLIENTS = (
    Client("redis-cli -p {port}", r"\AOK\n2\n\Z", said="MSET b y\nEXISTS a b\n"),
    Client("redis-cli -3 -p {port}", r"\Aa 1\n\Z", said="HGETALL h\n"),
    Client("redis-cli -p {port} --scan", r"\A(?:(?:a|b|h|list)\n){4}\Z"),
    Client("redis-cli -p {port} --bigkeys", r"(?s)Biggest string found '\"a\"' has 50 bytes"),
    Client("redis-cli -p {port} -i 0.1 --latency --raw", r"\A[\d.]+ [\d.]+ [\d.]+ [1-9]\d*\n\Z"),
    Client("stdbuf -oL timeout 1 redis-cli -p {port} -i 0.1 --stat", r"(?m)^4 +[\d.]+[BKM] "),
    Client(
        "redis-cli -p {port} --pipe",
        "errors: 0, replies: 2000",
        said="".join(f"SET key{number} {number}\r\n" for number in range(2000)),
    ),
    Client("redis-benchmark -p {port} -n 400 -c 20 --csv", r"\A(.*\n){21}\Z"),
    Client("redis-benchmark -p {port} -n 400 -c 20 -P 16 --csv", r"\A(.*\n){21}\Z"),
    *(_library(name, version) for name in ("redis", "valkey") for version in (2, 3)),
)


@contextmanager
def served() -> Iterator[dict[str, object]]:
    """A store with four keys in it, by the name that commands have for its port."""
    with iomux.start("epoll", protocol=resp.store()) as server:
        programs.redis_cli(server, _KEPT)
        yield {"port": server.address[1]}


if __name__ == "__main__":
    with served() as places:
        sys.exit(not table(CLIENTS, places))
