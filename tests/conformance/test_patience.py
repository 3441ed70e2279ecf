"""A server without a core is waited for; one that sleeps, or has a core and does not answer, is not."""

import contextlib
import ctypes
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import iomux
from iomux.conformance.trial import flooding, patience
from iomux.conformance.trial.clients import ask, connect, eventually
from iomux.conformance.trial.patience import at_work
from iomux.conformance.trial.subject import PATIENCE, Fault, Subject, under_trial
from iomux.system.sock_diag import other_end
from iomux.system.sockets import tcp_pair

SO_ATTACH_FILTER, SO_DETACH_FILTER, BPF_RETURN = 26, 27, 0x06
"""asm-generic/socket.h, linux/bpf_common.h: what a filter returns is how many bytes of a packet pass (socket(7))."""


def never_ends(data: bytes) -> bytes:
    while True:
        pass


def sleeps(data: bytes) -> bytes:
    time.sleep(60)
    return data


def asked(handler: Callable[[bytes], bytes], seconds: float) -> float:
    """Ask a server whose client has this time-out; return how long it took."""
    with iomux.start("poll", handler=handler) as server, under_trial(subject := Subject(server.address, server.pid)):
        began = time.monotonic()
        with connect(subject) as client:
            client.settimeout(seconds)
            ask(client, b"?")
        return time.monotonic() - began


def waits(monkeypatch: pytest.MonkeyPatch, share: float) -> list[bool]:
    """How often it was asked whether to wait on, on a machine where tasks wait for so much of the time."""
    seen = list[bool]()
    kept = patience.kept_from_working

    def noted() -> bool:
        seen.append(kept())
        return seen[-1]

    monkeypatch.setattr(patience, "lately", lambda: share)
    monkeypatch.setattr(patience, "kept_from_working", noted)
    return seen


@pytest.mark.parametrize(("share", "seconds"), [(0.0, 3.0), (0.9, 12.0)])
def test_a_time_limit_is_longer_on_a_crowded_machine(
    share: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "lately", lambda: share)
    assert patience.stretched(3.0) == seconds


def test_a_server_at_work_on_a_crowded_machine_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen, done = waits(monkeypatch, 0.9), tmp_path / "done"
    kept = patience.kept_from_working

    def then_it_ends() -> bool:
        answer = kept()
        done.touch()
        return answer

    monkeypatch.setattr(patience, "kept_from_working", then_it_ends)

    def works(data: bytes) -> bytes:
        while not done.exists():
            pass
        return data

    asked(works, 1.0)
    assert seen
    assert all(seen)


def test_on_a_quiet_machine_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = waits(monkeypatch, 0.0)
    with pytest.raises(Fault, match="nothing more came"):
        asked(never_ends, 0.1)
    assert seen == [False]


def test_a_server_that_sleeps_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = waits(monkeypatch, 0.9)
    with pytest.raises(Fault, match="nothing more came"):
        asked(sleeps, 0.3)
    assert seen[-1] is False


def test_a_server_that_spins_for_ever_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = waits(monkeypatch, 0.9)
    with pytest.raises(Fault, match="nothing more came"):
        asked(never_ends, 0.5)
    assert seen == [True] * 3


def test_a_condition_is_waited_for_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.1)
    seen = waits(monkeypatch, 0.9)
    with (
        iomux.start("poll", handler=never_ends) as server,
        under_trial(subject := Subject(server.address, server.pid)),
        connect(subject) as client,
    ):
        client.sendall(b"?")
        assert not eventually(lambda: False)
        assert eventually(lambda: len(seen) > 4)
    assert all(seen)


PRINTS = "while True: print('x' * 900, flush=True)"
SENDS = "import socket\na, b = socket.socketpair()\nwhile True: a.send(b'x' * 900); b.recv(900)"
SPINS_BESIDE_A_SLEEPER = """
import threading, time
def spin():
    while True:
        pass
threading.Thread(target=spin, daemon=True).start()
time.sleep(100)
"""


@contextlib.contextmanager
def running(code: str) -> Iterator[Subject]:
    """A program as if it were a server; what it prints goes to a file, as a server's does."""
    with tempfile.TemporaryFile() as log, subprocess.Popen([sys.executable, "-S", "-c", code], stdout=log) as process:
        try:
            yield Subject(("127.0.0.1", 1), process.pid)
        finally:
            process.kill()


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux tells what a process has written")
@pytest.mark.parametrize(("code", "share", "answer"), [(PRINTS, 0.9, True), (PRINTS, 0.1, False), (SENDS, 0.9, False)])
def test_who_prints_all_the_time_is_told_apart_on_a_crowded_machine(
    monkeypatch: pytest.MonkeyPatch, code: str, share: float, answer: bool
) -> None:
    monkeypatch.setattr(patience, "lately", lambda: share)
    with running(code) as subject:
        assert eventually(lambda: at_work(subject) and (patience._written(subject) > 0 or code == SENDS))
        assert patience.busy_printing(subject) is answer


@pytest.mark.parametrize(("code", "faulty"), [(SPINS_BESIDE_A_SLEEPER, False), ("import time; time.sleep(100)", True)])
def test_a_flood_fails_a_server_only_if_all_its_threads_sleep(code: str, faulty: bool) -> None:
    """A threaded server's first thread always sleeps in accept, whether the others have a core or not."""
    with running(code) as subject:
        first = psutil.Process(subject.pid)
        assert eventually(lambda: first.status() == psutil.STATUS_SLEEPING and at_work(subject) is not faulty)
        began = time.monotonic()
        with pytest.raises(Fault, match="not answered at all") if faulty else contextlib.nullcontext():
            flooding._look_at_the_clock(subject, began, began - 2 * PATIENCE)


@pytest.mark.skipif(bool(other_end.missing()), reason=other_end.missing())
def test_what_the_kernel_still_has_to_send_is_on_its_way() -> None:
    near, far = tcp_pair()
    with near, far:
        near.setblocking(False)
        assert not patience.on_its_way(far)
        with contextlib.suppress(BlockingIOError):
            while near.send(bytes(1 << 16)):
                pass
        assert patience.on_its_way(far)
        far.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                far.recv(1 << 20)
        assert eventually(lambda: not patience.on_its_way(far))
    assert not patience.on_its_way(far)


@pytest.mark.skipif(bool(other_end.missing()), reason=other_end.missing())
def test_what_the_server_never_got_is_on_its_way() -> None:
    near, far = tcp_pair()
    with near, far:
        nothing_passes = ctypes.create_string_buffer(struct.pack("=HBBI", BPF_RETURN, 0, 0, 0))
        near.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(nothing_passes)))
        far.send(b"a question")
        assert patience.on_its_way(far)
        near.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        assert near.recv(64) == b"a question", "sent again"
        assert eventually(lambda: not patience.on_its_way(far))


@pytest.mark.parametrize("on_its_way", [True, False])
def test_what_is_on_its_way_is_waited_for(on_its_way: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "on_its_way", lambda client: on_its_way)
    near, far = tcp_pair()
    late = threading.Timer(2.0, near.sendall, [b"late"])
    with near, far:
        far.settimeout(1.5)
        late.start()
        if on_its_way:
            assert patience.patiently(lambda: far.recv(4), far) == b"late"
        else:
            with pytest.raises(TimeoutError):
                patience.patiently(lambda: far.recv(4), far)
        late.join()
