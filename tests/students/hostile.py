"""Servers that try to outlive their check, to end it, or to take the whole machine. Each is harmless when it fails."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn


def _talk(client: socket.socket) -> None:
    with client, contextlib.suppress(OSError):
        while data := client.recv(65536):
            client.sendall(data)


def echo(listener: socket.socket) -> NoReturn:
    """A right server, a thread a client, which the others here become."""
    while True:
        try:
            client = listener.accept()[0]
        except OSError:  # EMFILE: wait a little
            time.sleep(0.05)
            continue
        threading.Thread(target=_talk, args=(client,), daemon=True).start()


def _daemon() -> None:
    """Fork twice; the grandchild leads a session, holds no descriptor and no folder, and waits."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.closerange(0, 1024)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
    os._exit(0)


def double_fork(listener: socket.socket) -> NoReturn:
    """A daemon that nothing ties to the check any more; the server itself is right."""
    _daemon()
    echo(listener)


def kills_its_parent(listener: socket.socket) -> NoReturn:
    """Ends the process that has started it, after it has made a daemon."""
    _daemon()
    with contextlib.suppress(PermissionError):
        os.kill(os.getppid(), signal.SIGKILL)
    echo(listener)


def kills_all_above(listener: socket.socket) -> NoReturn:
    """Tries to end every process between itself and the first: the checker, its shell, the terminal."""
    pid = os.getppid()
    while pid > 1:
        with open(f"/proc/{pid}/stat") as file:
            above = int(file.read().rpartition(")")[2].split()[1])
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        pid = above
    echo(listener)


def kills_its_group(listener: socket.socket) -> NoReturn:
    """Ends its process group when the first client comes: itself, and nobody of the check."""
    _client = listener.accept()[0]
    os.killpg(0, signal.SIGKILL)
    echo(listener)


def closes_everything(listener: socket.socket) -> NoReturn:
    """Closes every descriptor but its listener, those of its owner's lifeline too."""
    kept = listener.fileno()
    os.closerange(0, kept)
    os.closerange(kept + 1, 4096)
    for number in range(3):
        os.open(os.devnull, os.O_RDWR) if number != kept else None
    echo(listener)


def ignores_sigterm(listener: socket.socket) -> NoReturn:
    """Ignores what may be ignored, in a child too."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    if not os.fork():
        time.sleep(600)
    echo(listener)


def stops_itself(listener: socket.socket) -> NoReturn:
    """Stops itself when its first client comes: it runs, and will never answer."""
    _client = listener.accept()[0]
    os.kill(os.getpid(), signal.SIGSTOP)
    echo(listener)


def stops_itself_at_once(_: socket.socket) -> NoReturn:
    """Stops itself before it serves anybody."""
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)


def fork_bomb(listener: socket.socket) -> NoReturn:
    """At its first client it forks 200 processes that do nothing but run, each in a session of its own."""
    _client = listener.accept()[0]
    for _ in range(200):
        if not os.fork():
            os.setsid()
            while True:
                pass
    echo(listener)


def forks_for_ever(listener: socket.socket) -> NoReturn:
    """Children that fork children, up to 3,000; each leaves its group, and its parent ends: none can be found twice."""
    if os.fork():
        echo(listener)
    for _ in range(3000):
        os.setsid()
        if os.fork():
            break
    os._exit(0)


def thread_bomb(listener: socket.socket) -> NoReturn:
    """5,000 threads, at once."""
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    echo(listener)


def memory_hog(listener: socket.socket) -> NoReturn:
    """Takes 3 GiB with its first client, 64 MiB at a time."""
    _client = listener.accept()[0]
    kept = []
    for _ in range(48):
        kept.append(b"x" * (64 << 20))
    echo(listener)


def endless_log(listener: socket.socket) -> NoReturn:
    """Prints without end while it serves."""

    def chatter() -> NoReturn:
        while True:
            print("x" * 1000)

    threading.Thread(target=chatter, daemon=True).start()
    echo(listener)


SERVERS: dict[str, Callable[[socket.socket], NoReturn]] = {
    name: serve for name, serve in globals().items() if callable(serve) and getattr(serve, "__module__", "") == __name__
}

if __name__ == "__main__":  # python hostile.py PORT NAME
    SERVERS[sys.argv[2]](socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096))
