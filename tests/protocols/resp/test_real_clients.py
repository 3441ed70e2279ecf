"""Real clients talk to the store: Redis' own programs, and the Python libraries. What is missing is skipped."""

import importlib
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import iomux
from iomux.protocols import resp

SECONDS = 60
needs_tools = pytest.mark.skipif(shutil.which("redis-cli") is None, reason="needs redis-cli (apt install redis-tools)")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with iomux.start("epoll", protocol=resp.store()) as server:
        yield server.address[1]


def run(program: str, port: int, *arguments: str, said: str = "") -> str:
    """What a program of Redis prints."""
    line = [program, "-p", str(port), *arguments]
    return subprocess.run(line, input=said, capture_output=True, text=True, timeout=SECONDS, check=True).stdout


@needs_tools
@pytest.mark.parametrize("version", [[], ["-3"]], ids=["RESP2", "RESP3"])
def test_redis_cli(port: int, version: list[str]) -> None:
    def cli(*words: str) -> str:
        return run("redis-cli", port, *version, *words).strip()

    assert cli("flushall") == "OK"
    assert cli("set", "greeting", "hello world") == "OK"
    assert cli("get", "greeting") == "hello world"
    assert cli("get", "none") == ""
    assert cli("hset", "h", "a", "1", "b", "2") == "2"
    assert cli("hgetall", "h").split() == ["a", "1", "b", "2"]
    assert cli("incr", "greeting") == "ERR value is not an integer or out of range"
    assert cli("--csv", "lpush", "l", "x") == "1"
    assert "redis_version:7.0.15" in cli("info")
    assert sorted(cli("--scan").split()) == ["greeting", "h", "l"]


@pytest.mark.parametrize("library", ["redis", "valkey"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_python_library(port: int, library: str, version: int) -> None:
    client: Any = pytest.importorskip(library).Redis(port=port, protocol=version, decode_responses=True)
    with client:
        client.flushall()
        assert client.set("k", "v", ex=100)
        assert (client.get("k"), client.ttl("k"), client.get("none")) == ("v", 100, None)
        assert client.set("k", "w", nx=True) is None
        with client.pipeline(transaction=True) as pipe:
            assert pipe.incr("n").incr("n").hset("h", mapping={"a": 1}).hgetall("h").execute() == [1, 2, 1, {"a": "1"}]
        assert client.zadd("z", {"a": 1.5, "b": 2}) == 2
        assert [tuple(pair) for pair in client.zrange("z", 0, -1, withscores=True)] == [("a", 1.5), ("b", 2.0)]
        assert set(client.smembers("none")) == set()
        assert client.config_get("save") == {"save": ""}
        assert client.info()["redis_version"] == "7.0.15"
        assert sorted(client.scan_iter("*")) == ["h", "k", "n", "z"]
        with pytest.raises(importlib.import_module(library).ResponseError, match="not an integer"):
            client.incr("k")


@pytest.mark.parametrize("library", ["redis", "valkey"])
def test_a_python_library_listens(port: int, library: str) -> None:
    client: Any = pytest.importorskip(library).Redis(port=port, decode_responses=True)
    with client, client.pubsub() as channel:
        channel.subscribe("news")
        channel.psubscribe("n*")
        assert [channel.get_message(timeout=SECONDS)["type"] for _ in range(2)] == ["subscribe", "psubscribe"]
        assert client.publish("news", "hi") == 2
        assert {channel.get_message(timeout=SECONDS)["type"] for _ in range(2)} == {"message", "pmessage"}


def test_a_python_library_watches(port: int) -> None:
    redis = pytest.importorskip("redis")
    with redis.Redis(port=port) as client, redis.Redis(port=port) as other, client.pipeline() as pipe:
        pipe.watch("k")
        other.set("k", "changed")
        pipe.multi()
        pipe.set("k", "mine")
        with pytest.raises(redis.WatchError):
            pipe.execute()
