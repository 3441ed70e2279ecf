"""io_uring and the kernel: its worker, its thread that watches the ring, its refusals, the numbers of its header."""

import contextlib
import errno
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from iomux.harness.timeline.io_uring import TracedRing
from iomux.harness.timeline.trace import WAIT, Trace
from iomux.system import io_uring_abi as uapi
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import lend
from tests.denied import UNDER_SECCOMP
from tests.support.clients import DEADLINE, eventually

if reason := uapi.why_not():
    pytest.skip(f"io_uring: {reason}", allow_module_level=True)


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
