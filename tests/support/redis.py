"""The real redis-server, in a process of its own without persistence, and what our store says to the same bytes."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from iomux.protocols import resp
from iomux.servers.protocol import Replies

PROGRAM = shutil.which("redis-server")
_SECONDS = 30.0


@contextlib.contextmanager
def real_server() -> Iterator[Path]:
    """A redis-server, and the path of the Unix socket at which it listens: it has no port."""
    assert PROGRAM
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "redis.sock")
        options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen([PROGRAM, *options], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                assert any("eady to accept connections" in line for line in process.stdout)
                yield path
            finally:
                process.kill()


def real_answer(path: Path, said: bytes) -> bytes:
    """All that the real server answers, of which nothing is left from before, up to the end that `said` leads to."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_SECONDS)
        client.connect(str(path))
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(5) == b"+OK\r\n"
        client.sendall(said)
        answer = bytearray()
        with contextlib.suppress(ConnectionResetError):  # it closes with bytes unread: a protocol error
            while piece := client.recv(1 << 20):
                answer += piece
        return bytes(answer)


def our_answer(pieces: list[bytes]) -> bytes:
    """The same of a new store, which gets these pieces; as a carrier does, it stops at the end."""
    client = resp.store()(0.0, lambda said: None)
    answer = b""
    for piece in pieces:
        answer += joined(client.feed(piece, 0.0))
        if client.over:
            break
    return answer


def joined(replies: Replies) -> bytes:
    """All replies at once."""
    return replies if isinstance(replies, bytes) else b"".join(replies)


def command(*words: bytes) -> bytes:
    """A command as client libraries send it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
