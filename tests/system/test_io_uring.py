"""io_uring through ctypes: every operation, the limits of both rings, and the release of memory and descriptors."""

import contextlib
import errno
import os
import signal
import socket
import struct
import threading
import time

import pytest

from iomux.system import io_uring_abi as uapi
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import Lent, lend
from tests.support.clients import DEADLINE

if reason := uapi.why_not():
    pytest.skip(f"io_uring: {reason}", allow_module_level=True)


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
