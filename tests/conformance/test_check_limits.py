"""`iomux.check` at limits, of the machine and of what can be seen: none is blamed on the server."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

import iomux
from iomux.conformance.trial import clients
from iomux.conformance.trial import connecting as doors
from iomux.conformance.trial.subject import Subject
from iomux.course.clinic.isolation import greedy_drain
from tests.students.right_threads import next_to_an_idle_thread, two_threads_on_one_epoll
from tests.support.checks import check
from tests.support.clients import eventually
from tests.support.processes import marked, own_mark
from tests.support.required import takes_long

linux = pytest.mark.skipif(sys.platform != "linux", reason="what each thread uses is known on Linux only")


def forks(listener: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            while data := client.recv(4096):
                client.sendall(data)
            time.sleep(60)  # a process that stays behind
        client.close()


@pytest.mark.parametrize(("connecting", "answering", "pauses"), [(0, 9, 0), (9, 0, 4)])
def test_a_slow_answer_between_two_clients_is_not_taken_for_a_full_backlog(
    monkeypatch: pytest.MonkeyPatch, connecting: float, answering: float, pauses: int
) -> None:
    """With a simulated clock: only a slow connect shows that a handshake was dropped."""
    now, slept = [0.0], list[float]()

    def connect(_: Subject) -> float:
        now[0] += connecting
        return now[0]

    monkeypatch.setattr(doors, "connect", connect)
    monkeypatch.setattr(doors, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=slept.append))
    for _ in doors.connect_one_by_one(Subject(("127.0.0.1", 1)), 4):
        now[0] += answering
    assert sum(pause > 0 for pause in slept) == pauses


def test_a_forking_server_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_MARK", mark := own_mark("forks"))
    with iomux.start(forks) as server:
        socket.create_connection(server.address).close()
        assert server.pid in marked(mark)
    assert check(forks, ("echoes", "hundred", "silent", "flood")).failed == ()
    assert eventually(lambda: marked(mark) == []), "all were killed, but on a busy machine they are not gone at once"


def never_sleeps_while_it_owes(listener: socket.socket) -> NoReturn:
    """Each client has a thread, which tries to send again and again."""

    def converse(client: socket.socket) -> None:
        with contextlib.suppress(ConnectionError), client:
            while data := client.recv(65536):
                while data:
                    with contextlib.suppress(BlockingIOError):
                        data = data[client.send(data, socket.MSG_DONTWAIT) :]

    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()


def test_a_server_that_spins_while_a_client_does_not_read_is_detected() -> None:
    """Nobody needs to half-close for that, so it is no fault of that item."""
    report = check(never_sleeps_while_it_owes, ("back-pressure", "half-close"))
    assert report.failed == ("back-pressure",)
    assert "the server never sleeps" in report["back-pressure"].seen


def never_sleeps_while_it_listens(listener: socket.socket) -> NoReturn:
    """It spins for as long as anybody may say something; whoever has said much is closed some seconds after the end."""
    awaited = threading.Semaphore(0)  # as many as the clients that are owed nothing

    def spin() -> NoReturn:
        while True:
            awaited.acquire()
            awaited.release()

    def converse(client: socket.socket) -> None:
        said = 0
        with contextlib.suppress(ConnectionError), client:
            while True:
                awaited.release()
                data = client.recv(65536)
                said += len(data)
                time.sleep(0 if data or said < 100_000 else 8)
                awaited.acquire()
                if not data:
                    return
                client.sendall(data)

    threading.Thread(target=spin, daemon=True).start()
    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()


def test_a_server_that_spins_for_a_client_that_is_owed_nothing_is_not_accused_of_a_half_close() -> None:
    report = check(never_sleeps_while_it_listens, ("silent", "half-close"))
    assert report.failed == ("silent",), str(report)
    assert "the server never sleeps" in report["silent"].seen


def test_a_limit_of_this_machine_is_not_blamed_on_the_server() -> None:
    line = f"ulimit -n 900; '{sys.executable}' -m iomux check poll --only idle"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert "not seen idle" in done.stdout, done.stdout
    assert "1,001 clients take more descriptors" in done.stdout


@pytest.fixture
def running_with_few_descriptors() -> Iterator[str]:
    """The address of a server that was started elsewhere and may open 1,000 descriptors."""
    line = f"ulimit -n 1000; exec '{sys.executable}' -u -m iomux serve poll --port 0"
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.kill()


def test_an_unknown_descriptor_limit_is_not_blamed_on_the_server(
    running_with_few_descriptors: str,
) -> None:
    report = check(running_with_few_descriptors, "past-1024")
    assert report.not_seen == ("past-1024",), str(report)
    assert "how many descriptors the server may open is not known from here" in report["past-1024"].seen


@linux
@pytest.mark.parametrize("serve", ["threaded", next_to_an_idle_thread, two_threads_on_one_epoll, forks])
def test_threads_and_processes_that_share_the_work_starve_nobody(serve: Any) -> None:
    assert check(serve, "flood").passed


def starve() -> None:
    """In a child: share one core with the server, and let everything else on the machine go first."""
    os.nice(19)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@linux
@takes_long
@pytest.mark.parametrize(("bug", "status"), [("serve", "failed"), ("cured", "passed")])
def test_a_flood_is_judged_in_the_same_way_by_a_check_that_hardly_gets_a_core(bug: str, status: str) -> None:
    target = f"{greedy_drain.__file__}:{bug}"
    command = [sys.executable, "-m", "iomux", "check", target, "--only", "flood", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, preexec_fn=starve)
    (result,) = json.loads(done.stdout)["results"]
    assert result["status"] == status
    if status == "failed":
        assert result["detail"]["bytes_before"] > 24 << 20, "of the flood, before the small message"


def test_a_slow_transfer_is_not_taken_for_a_stalled_one() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(1.5)
        data = bytes(4 << 20)

        def read_slowly() -> None:
            for _ in range(30):  # twice as long as the client waits for progress
                time.sleep(0.1)
                assert far.recv(1 << 16)

        reader = threading.Thread(target=read_slowly, daemon=True)
        reader.start()
        with pytest.raises(TimeoutError):  # when the reader has stopped, and not before
            clients.send_all(near, data)
        assert not reader.is_alive()
