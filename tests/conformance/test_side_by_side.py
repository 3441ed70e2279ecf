"""Items are tried side by side, within a time, and nothing of them is left when the check is interrupted."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

import iomux
from iomux.conformance.check import NAMES
from iomux.conformance.side_by_side import Clock, most_at_once, side_by_side
from iomux.conformance.trial.items import ITEMS, Item
from iomux.conformance.trial.outcome import Outcome
from tests.support.clients import DEADLINE, all_gone, eventually

SOME = NAMES[1:7]


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_items_are_under_way_than_allowed_and_each_has_its_outcome(at_once: int) -> None:
    under_way, most = 0, 0
    lock, together = threading.Lock(), threading.Barrier(at_once)

    def try_one(item: Item) -> Outcome:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(DEADLINE)  # as many as are allowed do meet here
        with lock:
            under_way -= 1
        return Outcome("passed", item.name)

    items = [ITEMS[name] for name in SOME]
    outcomes = {item.name: outcome for item, outcome in side_by_side(items, try_one, Clock(1), at_once)}
    assert outcomes == {name: Outcome("passed", name) for name in SOME}
    assert most == at_once


def deaf_after_one(listener: socket.socket) -> NoReturn:
    """Serves its first message, then nobody and nothing."""
    client, _ = listener.accept()
    for _ in range(3):
        client.sendall(client.recv(100))
    while True:
        time.sleep(600)


def test_a_server_that_fails_is_not_waited_for_longer_than_the_seconds_given() -> None:
    report = iomux.check(deaf_after_one, progress=False, seconds=0.5)
    assert report.failed, "what had been begun and failed"
    late = [result for result in report.results if "the 0.5 s of this check were over" in result.seen]
    assert late, "the others were not tried, and the report says so"
    assert all(result.status == "not seen" for result in late)
    assert report["echoes"].status == "passed"


def test_the_time_does_not_end_a_check_in_which_nothing_has_failed() -> None:
    assert iomux.check("poll", only=SOME, progress=False, seconds=1e-6).failed == ()
    assert iomux.check("poll", only=SOME, progress=False, seconds=1e-6).not_seen == ()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_the_time_is_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match="give the time for a server that fails"):
        iomux.check("poll", only="echoes", progress=False, seconds=seconds)


@contextlib.contextmanager
def running_check(folder: Path, items: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A check that waits for an answer for seconds, which leaves time to end it."""
    (folder / "deaf.py").write_text("import time\ndef serve(listener):\n    time.sleep(600)\n")
    command = [sys.executable, "-m", "iomux", "check", f"{folder}/deaf.py:serve", "--only", items]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def _forks_below(owner: psutil.Process) -> int:
    """How many items have clients: processes below the fork server."""
    count = 0
    for one in owner.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            parent = one.parent()
            count += parent is not None and parent != owner and "worker_main" in str(parent.cmdline())
    return count


@pytest.mark.parametrize("items", ["echoes", "sizes,pieces,bulk,end"])
def test_ctrl_c_ends_all_that_is_under_way(items: str, tmp_path: Path) -> None:
    clients = min(items.count(",") + 1, most_at_once(spins=False))  # on one core not all four
    with running_check(tmp_path, items) as running:
        first = psutil.Process(running.pid)
        assert eventually(lambda: _forks_below(first) >= clients), "clients for each item"
        started = first.children(recursive=True)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=DEADLINE)
        tried = f"0 of {items.count(',') + 1} items were tried"
        assert (running.returncode, err.splitlines()[-1]) == (130, f"iomux check: interrupted: {tried}".encode())
        assert all_gone(started)
