"""Python's clients speak to our web server. Those that are missing are skipped, visibly."""

import asyncio
import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from tests.protocols.http.clients import LARGE_BYTES, served


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, str]]:
    with served() as found:
        yield found


def test_http_client_on_one_connection(places: dict[str, str]) -> None:
    connection = http.client.HTTPConnection(places["app"].removeprefix("http://"), timeout=60)
    ports = set()
    for number in range(100):
        connection.request("POST", "/", body=iter([b"chunk ", str(number).encode()]))
        ports.add(connection.sock.getsockname())
        assert connection.getresponse().read() == f"chunk {number}".encode()
    connection.close()
    assert len(ports) == 1


def test_http_client_hears_the_refusal_of_what_it_is_still_sending(places: dict[str, str]) -> None:
    for _ in range(5):
        connection = http.client.HTTPConnection(places["app"].removeprefix("http://"), timeout=60)
        connection.request("POST", "/", body=bytes(8 << 20))
        assert connection.getresponse().status == 413
        connection.close()


def test_requests(places: dict[str, str]) -> None:
    requests: Any = pytest.importorskip("requests")
    with requests.Session() as session:
        assert session.get(f"{places['site']}/digits").text == "0123456789"
        assert session.get(f"{places['site']}/digits", headers={"Range": "bytes=1-2"}).content == b"12"
        assert session.post(f"{places['app']}/", data=(part for part in (b"a", b"b"))).content == b"ab"
        assert len(session.get(f"{places['site']}/large.bin").content) == LARGE_BYTES


def test_httpx(places: dict[str, str]) -> None:
    httpx: Any = pytest.importorskip("httpx")
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"{places['site']}/digits").text == "0123456789"
        tag = client.get(f"{places['site']}/digits").headers["etag"]
        assert client.get(f"{places['site']}/digits", headers={"If-None-Match": tag}).status_code == 304
        assert client.post(f"{places['app']}/", content=iter([b"a", b"b"])).content == b"ab"


def test_aiohttp(places: dict[str, str]) -> None:
    aiohttp: Any = pytest.importorskip("aiohttp")

    async def talk() -> list[bytes]:
        async def one(session: Any, number: int) -> bytes:
            async with session.post(f"{places['app']}/", data=str(number).encode()) as answer:
                content: bytes = await answer.read()
                return content

        async with aiohttp.ClientSession() as session:
            return list(await asyncio.gather(*(one(session, number) for number in range(50))))

    assert asyncio.run(talk()) == [str(number).encode() for number in range(50)]
