"""Right echo servers in the forms that servers have when nobody thought of this project: each makes its own listener.

As a program it listens at the address in its arguments: `python forms.py HOST PORT`.
"""

import asyncio
import contextlib
import socket
import sys
import threading
import time


def talk(client: socket.socket) -> None:
    with client, contextlib.suppress(OSError):
        while data := client.recv(65536):
            client.sendall(data)


def serve(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # no descriptor is left: some will be free again
            time.sleep(0.05)
            continue
        threading.Thread(target=talk, args=(client,), daemon=True).start()


def open_at(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def at_host_and_port(host: str, port: int) -> None:
    serve(open_at(host, port))


def at_port(port: int = 8000) -> None:
    serve(open_at("127.0.0.1", port))


def at_address(address: tuple[str, int]) -> None:
    serve(open_at(*address))


def main() -> None:
    serve(open_at("127.0.0.1", 0))


async def talk_async(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve_async(listener: socket.socket) -> None:
    async with await asyncio.start_server(talk_async, sock=listener) as server:
        await server.serve_forever()


async def main_async(host: str = "127.0.0.1", port: int = 8000) -> None:
    async with await asyncio.start_server(talk_async, host, port) as server:
        await server.serve_forever()


class Server:
    """Told where to listen, and then run."""

    def __init__(self, host: str, port: int) -> None:
        self.listener = open_at(host, port)

    def run(self) -> None:
        serve(self.listener)


class OnThread:
    """Leaves the work to a thread, and returns."""

    def __init__(self, port: int) -> None:
        self.listener = open_at("127.0.0.1", port)

    def start(self) -> None:
        threading.Thread(target=serve, args=(self.listener,)).start()


class OnListener:
    """Takes a listener, as a function does."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener

    def serve_forever(self) -> None:
        serve(self.listener)


def with_settings(listener: socket.socket, settings: dict[str, int]) -> None:
    raise NotImplementedError


class WithSettings:
    """Takes a listener, and something that nobody else knows."""

    def __init__(self, listener: socket.socket, settings: dict[str, int]) -> None:
        self.listener, self.settings = listener, settings

    def run(self) -> None:
        raise NotImplementedError


class Deaf:
    """Has no method that runs it."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port


if __name__ == "__main__":
    serve(open_at(sys.argv[1], int(sys.argv[2])))
