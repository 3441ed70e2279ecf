"""`iomux.start` in a notebook: its server ends with its kernel, survives an interrupt, and the next run replaces it."""

import contextlib
import os
import queue
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.processes.test_start import gone
from tests.support.clients import DEADLINE, eventually
from tests.support.kernels import Kernel, running_kernel


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A separate notebook kernel, for a test that ends it."""
    with running_kernel() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def lasting_kernel() -> Iterator[Kernel]:
    """A shared notebook kernel, for tests that leave it running: to start one takes a second."""
    with running_kernel() as shared:
        yield shared


def run_cell(client: BlockingKernelClient, code: str) -> str:
    """Run a cell, and return what it prints."""
    printed: list[str] = []

    def collect(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, output_hook=collect, timeout=60)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed)


START = "import iomux\nserver = iomux.start('poll')\nprint(server.pid)\nserver"


def test_kernel_restart_ends_the_server(kernel: Kernel) -> None:
    manager, client = kernel
    pid = int(run_cell(client, START))
    manager.restart_kernel(now=False)
    assert eventually(lambda: gone(pid))


def test_kernel_shutdown_ends_the_server(kernel: Kernel) -> None:
    manager, client = kernel
    pid = int(run_cell(client, START))
    manager.shutdown_kernel()
    assert eventually(lambda: gone(pid))


def test_kernel_killed_ends_the_server(kernel: Kernel) -> None:
    _, client = kernel
    pid, owner = map(int, run_cell(client, START + "\nimport os; print(os.getpid())").split())
    os.kill(owner, signal.SIGKILL)
    assert eventually(lambda: gone(pid))


def test_interrupt_of_a_cell_leaves_the_server_running(lasting_kernel: Kernel) -> None:
    manager, client = lasting_kernel
    pid = int(run_cell(client, START))
    cell = "import time; print('asleep', flush=True); time.sleep(600)"
    waiting = client.execute(cell, stop_on_error=False)  # or the next cell may be aborted with it
    while client.get_iopub_msg(timeout=DEADLINE)["msg_type"] != "stream":
        pass

    def interrupted() -> bool:
        """Interrupt once more: ipykernel loses one that comes while it is still sending what the cell has printed."""
        manager.interrupt_kernel()
        with contextlib.suppress(queue.Empty):
            return bool(client.get_shell_msg(timeout=1)["parent_header"]["msg_id"] == waiting)
        return False

    assert eventually(interrupted)
    assert run_cell(client, "print(server.alive)") == "True\n"
    assert not gone(pid)


def test_running_the_cell_again_replaces_its_server(lasting_kernel: Kernel) -> None:
    _, client = lasting_kernel
    first = int(run_cell(client, START))
    second = int(run_cell(client, START))
    assert first != second
    assert eventually(lambda: gone(first))
    assert not gone(second)


def test_one_cell_may_start_several(lasting_kernel: Kernel) -> None:
    _, client = lasting_kernel
    code = "import iomux\nservers = [iomux.start('poll') for _ in range(3)]\nprint(*[s.pid for s in servers])\nservers"
    first = [int(pid) for pid in run_cell(client, code).split()]
    assert not any(gone(pid) for pid in first)
    second = [int(pid) for pid in run_cell(client, code).split()]
    assert eventually(lambda: all(gone(pid) for pid in first))
    assert not any(gone(pid) for pid in second)
