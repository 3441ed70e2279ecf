"""A worker that ends, or does not come back, says why: by its own error, by a signal, or because it is stopped."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

import iomux
from iomux.processes.worker import TookTooLong, run_in_worker, worker_reports
from tests.support.clients import eventually


def fails() -> None:
    raise ZeroDivisionError("on purpose")


def leaves() -> None:
    os._exit(3)


def stops() -> Iterator[str]:
    yield "began"
    os.kill(os.getpid(), signal.SIGSTOP)


def is_killed(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def test_an_error_is_shown_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"^the job failed:\nTraceback(.|\n)*ZeroDivisionError: on purpose$"):
        run_in_worker(fails, core=None, seconds=30, what="the job")


def test_one_that_leaves_without_a_word() -> None:
    with pytest.raises(RuntimeError, match=r"^the job ended with status 3$"):
        run_in_worker(leaves, core=None, seconds=30, what="the job")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, "was ended by SIGKILL: somebody sent it, or the kernel was short of memory"),
        (signal.SIGTERM, "was ended by SIGTERM: somebody sent it"),
        (signal.SIGSEGV, "was ended by SIGSEGV"),
    ],
)
def test_a_signal_is_named(number: int, words: str) -> None:
    with pytest.raises(RuntimeError, match=f"^the job {words}"):
        run_in_worker(is_killed, number, core=None, seconds=30, what="the job")


def test_one_that_is_stopped() -> None:
    with worker_reports(stops, core=None, what="the job") as reports:
        assert reports.next(60) == "began"
        words = "did not come back within 2 s, and was stopped by a signal: it was ended"
        with pytest.raises(TookTooLong, match=words):
            reports.next(2)


def test_a_killed_client_of_a_timeline_says_so() -> None:
    def kill() -> None:
        def clients() -> list[psutil.Process]:
            children = psutil.Process().children()
            return [child for child in children if "iomux.processes.worker_main" in " ".join(child.cmdline())]

        if eventually(lambda: bool(clients())):
            clients()[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match="the timeline's client was ended by SIGKILL"):
        iomux.timeline("poll", requests=200_000)
    killer.join()
