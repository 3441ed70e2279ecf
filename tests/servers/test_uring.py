"""The io_uring server beyond the contract that all servers share: many connections, exact bytes, few system calls."""

import os
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import iomux
from iomux.servers import get
from tests.denied import UNDER_SECCOMP
from tests.support.clients import connect, receive, send_in_background

ROOT = Path(__file__).parents[2]

needs_io_uring = pytest.mark.skipif(bool(get("io_uring").why_not()), reason=f"io_uring: {get('io_uring').why_not()}")


@needs_io_uring
@pytest.mark.parametrize("count", [1, 100, 1000])
def test_every_byte_of_many_connections_comes_back(count: int) -> None:
    sizes = random.Random(count)
    with iomux.start("io_uring") as server, ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(count)]
        for _ in range(3):
            messages = [os.urandom(sizes.randint(1, 4096)) for _ in clients]
            for client, message in zip(clients, messages, strict=True):
                client.sendall(message)
            for client, message in zip(clients, messages, strict=True):
                assert receive(client, len(message)) == message


@needs_io_uring
def test_64_mib_among_a_hundred_active_clients() -> None:
    message = os.urandom(64 << 20)
    with iomux.start("io_uring") as server, connect(server.address) as client:
        sender = send_in_background(client, message)
        result = iomux.load(server, connections=100, duration=0.5, size=512)
        assert receive(client, len(message)) == message
        sender.join()
    assert result.requests > 0
    assert result.errors == {}
    assert result.unserved == 0


@needs_io_uring
def test_its_clients_share_system_calls() -> None:
    calls = {
        name: sum(
            iomux.timeline(name, connections=128, active=128, requests=1000).attrs["syscalls_per_request"].values()
        )
        for name in iomux.names()
        if name in ("io_uring", "epoll")
    }
    assert calls["io_uring"] <= 0.3
    assert calls.get("epoll", 2) > 1.5


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_a_denied_io_uring_is_reported_and_everything_else_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "")  # denied, not hidden
    command = [sys.executable, "-m", UNDER_SECCOMP, "1", sys.executable, "-m", "iomux"]
    doctor = subprocess.run([*command, "doctor"], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in doctor.stdout.splitlines() if line.startswith("io_uring")]
    assert "forbidden" in line
    serve = subprocess.run([*command, "serve", "io_uring"], cwd=ROOT, capture_output=True, text=True)
    assert serve.returncode != 0
    assert "io_uring is not available here: io_uring_setup is forbidden" in serve.stderr
    bench = [*command, "bench", "poll", "io_uring", "--connections", "1", "--duration", "0.1"]
    done = subprocess.run(bench, cwd=ROOT, capture_output=True, text=True)
    assert "forbidden" in done.stdout + done.stderr
