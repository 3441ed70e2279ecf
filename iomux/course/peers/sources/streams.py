"""A store of two commands, GET and SET, on asyncio's streams: `streams.py PORT [uvloop]`.

It is what a Python programmer writes first: a coroutine for each client, `readline` for each line of the protocol.
"""

import asyncio
import importlib
import sys

STORE: dict[bytes, bytes] = {}


async def command(reader: asyncio.StreamReader) -> list[bytes]:
    """Read one command: an array of bulk strings."""
    words = []
    for _ in range(int((await reader.readline())[1:])):
        length = int((await reader.readline())[1:])
        words.append((await reader.readexactly(length + 2))[:-2])
    return words


def answer(words: list[bytes]) -> bytes:
    """The reply to one command."""
    match words:
        case [b"GET", key]:
            value = STORE.get(key)
            return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
        case [b"SET", key, value]:
            STORE[key] = value
            return b"+OK\r\n"
        case _:
            return b"-ERR unknown command\r\n"


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one client."""
    try:
        while True:
            writer.write(answer(await command(reader)))
            await writer.drain()
    except (ValueError, ConnectionError, asyncio.IncompleteReadError):
        writer.close()


async def main(port: int) -> None:
    """Serve for ever."""
    async with await asyncio.start_server(talk, "127.0.0.1", port, backlog=1024) as server:
        await server.serve_forever()


if __name__ == "__main__":
    runner = importlib.import_module(sys.argv[2]) if len(sys.argv) > 2 else asyncio
    runner.run(main(int(sys.argv[1])))
