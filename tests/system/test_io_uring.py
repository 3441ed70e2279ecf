"""io_uring through ctypes: every operation, the limits of both rings, and the release of memory and descriptors."""

import contextlib
import errno
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iomux.harness.timeline.io_uring import TracedRing
from iomux.harness.timeline.trace import WAIT, Trace
from iomux.system import io_uring_abi as uapi
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import Lent, lend
from tests.denied import UNDER_SECCOMP
from tests.support.clients import DEADLINE, eventually

if reason := uapi.why_not():
    pytest.skip(f"io_uring: {reason}", allow_module_level=True)


@pytest.fixture
def ring() -> Iterator[Ring]:
    with contextlib.closing(Ring(8)) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_tokens_come_back_in_order(ring: Ring) -> None:
    for number in range(5):
        ring.nop(number)
    assert ring.completions() == [], "nothing happens before it is submitted"
    assert ring.wait(5) == [(number, 0, False) for number in range(5)]


def test_more_than_the_submission_ring_holds(ring: Ring) -> None:
    for number in range(1000):
        ring.nop(number)
    assert sorted(token for token, _, _ in ring.wait(1000)) == list(range(1000))


@pytest.mark.parametrize("setup", [0, uapi.SETUP_SQPOLL, uapi.SETUP_COOP_TASKRUN])
def test_more_than_the_completion_ring_holds(setup: int) -> None:
    with contextlib.closing(Ring(4, completions=8, setup=setup)) as ring:
        for number in range(500):
            ring.nop(number)
            ring.submit()
        assert sorted(token for token, _, _ in ring.wait(500)) == list(range(500))


def test_receives_what_comes_later(ring: Ring, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    buffer = bytearray(100)
    ring.recv(near.fileno(), lend(buffer), "data")
    ring.submit()
    assert ring.completions() == []
    far.send(b"short")
    assert ring.wait() == [("data", 5, False)], "a short read completes: it is for the caller to go on"
    assert buffer[:5] == b"short"
    far.close()
    ring.recv(near.fileno(), lend(buffer), "end")
    assert ring.wait() == [("end", 0, False)]


def test_send_skips_what_was_sent_and_reports_epipe(ring: Ring, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    ring.send(near.fileno(), b"0123456789", "all", skip=4)
    assert ring.wait() == [("all", 6, False)]
    assert far.recv(100) == b"456789"
    far.close()
    ring.send(near.fileno(), b"to nobody", "gone")
    assert ring.wait() == [("gone", -errno.EPIPE, False)], "an error, and no SIGPIPE"


def test_accepts_client_after_client_with_one_entry(ring: Ring) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        number = ring.accept(listener.fileno(), "client")
        for _ in range(3):
            stack.enter_context(socket.create_connection(listener.getsockname()))
            ((token, fd, more),) = ring.wait()
            assert (token, more) == ("client", True)
            os.close(fd)
        ring.cancel(number, "cancel")
        assert sorted(ring.wait(2)) == [("cancel", 0, False), ("client", -errno.ECANCELED, False)]


def test_a_timeout_ends_with_etime_and_after_its_time(ring: Ring) -> None:
    began = time.monotonic()
    ring.timeout(0.2, "late")
    ring.timeout(0.01, "early")
    assert ring.wait(2) == [("early", -errno.ETIME, False), ("late", -errno.ETIME, False)]
    assert time.monotonic() - began >= 0.2


def test_cancelled_operations_say_so(ring: Ring, pair: tuple[socket.socket, socket.socket]) -> None:
    number = ring.recv(pair[0].fileno(), lend(bytearray(10)), "recv")
    ring.cancel(number, "cancel")
    assert sorted(ring.wait(2)) == [("cancel", 0, False), ("recv", -errno.ECANCELED, False)]
    ring.cancel(number, "again")
    assert ring.wait() == [("again", -errno.ENOENT, False)]


def test_a_faulty_entry_fails_alone(ring: Ring) -> None:
    ring.nop("before")
    ring.queue(255, -1, Lent(0, 0, None), "no such operation")
    ring.recv(9999, lend(bytearray(10)), "no such descriptor")
    ring.nop("after")
    assert {token: result for token, result, _ in ring.wait(4)} == {
        "before": 0,
        "no such operation": -errno.EINVAL,
        "no such descriptor": -errno.EBADF,
        "after": 0,
    }


class Buffer(bytearray):
    """Memory whose release can be observed."""


def test_memory_is_kept_until_its_completion_is_collected(
    ring: Ring, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    buffer = Buffer(1000)
    watched = weakref.ref(buffer)
    ring.recv(near.fileno(), lend(buffer), "data")
    with pytest.raises(BufferError):
        buffer.append(0)  # would move the memory
    del buffer
    ring.submit()
    gc.collect()
    assert watched() is not None
    far.send(b"x")
    assert ring.wait() == [("data", 1, False)]
    gc.collect()
    assert watched() is None


def test_other_threads_run_while_it_waits(ring: Ring, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    ring.recv(near.fileno(), lend(bytearray(10)), "another thread has sent")
    ring.timeout(DEADLINE, "nobody else has run")
    threading.Timer(0.05, far.send, (b"x",)).start()
    assert ring.wait() == [("another thread has sent", 1, False)]


def test_a_signal_does_not_end_the_waiting(ring: Ring) -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: caught.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        ring.timeout(0.2, "done")
        assert ring.wait() == [("done", -errno.ETIME, False)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught


def test_an_exception_in_a_signal_handler_ends_it(ring: Ring) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def wait() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.05)  # here: on a busy machine the signal may come before the wait
        ring.wait()

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        ring.timeout(60)
        with pytest.raises(KeyboardInterrupt):
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_waiting_for_what_can_never_come_is_an_error(ring: Ring) -> None:
    with pytest.raises(ValueError, match="only 0 operations were under way: waiting for 1 would never end"):
        ring.wait()
    ring.nop()
    with pytest.raises(ValueError, match="only 1 operations"):
        ring.wait(2)


def test_an_unclosed_ring_keeps_the_memory_that_the_kernel_uses(pair: tuple[socket.socket, socket.socket]) -> None:
    buffer = Buffer(10)
    watched = weakref.ref(buffer)
    ring = Ring(2)
    ring.recv(pair[0].fileno(), lend(buffer))
    ring.submit()
    forgotten = weakref.ref(ring)
    del buffer, ring
    gc.collect()
    assert watched() is not None
    ring_again = forgotten()
    assert ring_again is not None
    ring_again.close()
    del ring_again
    gc.collect()
    assert forgotten() is None
    assert watched() is None


def test_closing_cancels_and_leaves_no_descriptor(pair: tuple[socket.socket, socket.socket]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    ring = Ring(2)
    for _ in range(10):
        ring.recv(pair[0].fileno(), lend(bytearray(10)), "recv")
    ring.timeout(3600, "timeout")
    found = ring.close()
    assert [(token, result) for token, result, _ in found if token] == [("recv", -errno.ECANCELED)] * 10 + [
        ("timeout", -errno.ECANCELED)
    ]
    assert len(os.listdir("/proc/self/fd")) == before
    assert ring.close() == [], "the second time it does nothing"


def test_closing_returns_sockets_accepted_meanwhile() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ring = Ring(4)
        ring.accept(listener.fileno(), "client")
        ring.submit()
        with socket.create_connection(listener.getsockname()) as client:
            accepted = [result for token, result, _ in ring.close() if token == "client" and result >= 0]
            assert len(accepted) == 1
            os.close(accepted[0])
            assert client.recv(1) == b""


def test_a_kernel_worker_receives_on_request(ring: Ring, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    buffer = bytearray(10)
    ring.recv(near.fileno(), lend(buffer), "data", flags=uapi.IOSQE_ASYNC)
    ring.submit()
    far.send(b"0123456789")
    assert ring.wait() == [("data", 10, False)]
    assert buffer == b"0123456789"


def until_over(ring: Ring) -> list[object]:
    """Poll the completion ring in memory until it has an entry, without a system call."""
    until = time.monotonic() + DEADLINE
    while not (found := ring.completions()) and time.monotonic() < until:
        pass
    return [token for token, _, _ in found]


def test_under_sqpoll_no_system_call_is_made_until_its_thread_sleeps() -> None:
    with contextlib.closing(Ring(8, setup=uapi.SETUP_SQPOLL, idle_ms=2000)) as ring:
        ring.nop("first")
        assert ring.wait() == [("first", 0, False)]
        before = ring.enters
        for number in range(20):
            ring.nop(number)
            ring.submit()
            assert until_over(ring) == [number]
        assert ring.enters == before


def test_under_sqpoll_a_thread_that_fell_asleep_is_woken() -> None:
    with contextlib.closing(Ring(8, setup=uapi.SETUP_SQPOLL, idle_ms=1)) as ring:
        for number in range(3):
            assert eventually(lambda: bool(ring._sq_flags.value & uapi.SQ_NEED_WAKEUP)), "asleep"
            before = ring.enters
            ring.nop(number)
            ring.submit()
            assert ring.enters == before + 1
            assert until_over(ring) == [number]


@pytest.mark.parametrize(("number", "words"), [(errno.EPERM, "forbidden"), (errno.ENOSYS, "not there")])
def test_a_denied_ring_says_why(number: int, words: str) -> None:
    script = "from iomux.system.io_uring_abi import why_not; print(why_not())"
    command = [sys.executable, "-m", UNDER_SECCOMP, str(number), sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert words in done.stdout
    assert "seccomp" in done.stdout


PROGRAM = """
#include <stdio.h>
#include <sys/syscall.h>
#include <linux/io_uring.h>
int main(void) {
%s
    printf("%%zu %%zu ", sizeof(struct io_uring_sqe), sizeof(struct io_uring_cqe));
    printf("%%zu\\n", sizeof(struct io_uring_params));
}
"""


def in_c(name: str) -> str:
    """The name in the kernel's header for one of our names."""
    return (
        f"__NR_io_uring_{name.lower()}"
        if name in ("SETUP", "ENTER", "REGISTER")
        else f"IORING_{name}".replace("IORING_IO", "IO")
    )


def test_numbers_and_sizes_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    ours = {name: value for name, value in vars(uapi).items() if name.isupper() and isinstance(value, int)}
    del ours["WORD"]
    assert len(ours) > 20
    prints = "\n".join(f'    printf("%lld\\n", (long long) {in_c(name)});' for name in ours)
    source = tmp_path / "numbers.c"
    source.write_text(PROGRAM % prints)
    try:
        subprocess.run(["cc", "-o", tmp_path / "numbers", source], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no C compiler here")
    *values, sizes = subprocess.run([tmp_path / "numbers"], capture_output=True, text=True).stdout.splitlines()
    assert dict(zip(ours, map(int, values), strict=True)) == ours
    assert sizes == f"{uapi.SQE.size} {uapi.CQE.size} {uapi.PARAMS.size}"


def test_what_could_not_be_queued_is_not_waited_for() -> None:
    with contextlib.closing(Ring(8)) as ring:
        with pytest.raises(struct.error):
            ring.recv("no descriptor", lend(bytearray(8)))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="skip is 5: choose from 0 to 3"):
            ring.send(0, b"abc", skip=5)
        with pytest.raises(ValueError, match="seconds is -1"):
            ring.timeout(-1)
        ring.nop("done")
        assert [token for token, _, _ in ring.wait()] == ["done"]


def test_a_traced_ring_counts_each_entering_of_the_kernel() -> None:
    with contextlib.closing(Ring(4, 64)) as ring:
        trace = Trace(1)
        counted: Any = TracedRing(ring, trace)
        for _ in range(20):
            counted.timeout(0.001, lambda *_: None)
        found = counted.wait()
        while len(found) < 20:
            found += counted.wait()
        assert trace.calls[WAIT] == ring.enters >= 5
