"""Ctrl-C, or a signal's handler that raises, while the network is asked: no answer is taken for that of another one."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import iomux
from iomux.networks import channel, line

pytestmark = pytest.mark.usefixtures("works")
GOES_ON = """
import os, random, signal, iomux
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
interrupts = 0
with iomux.network() as (a, b):
    before = os.listdir("/proc/self/fd")
    for _ in range(100):
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.001, 0.02))
        try:
            while True:
                a.socket().close()
        except KeyboardInterrupt:
            interrupts += 1
        with b.socket() as made:
            made.bind((b.address, 0))
    print(interrupts, len(os.listdir("/proc/self/fd")) - len(before))
"""


def test_who_goes_on_after_interrupts_gets_what_he_asks_for() -> None:
    """At random moments, some of them between a question and its answer. And no descriptor is lost."""
    done = subprocess.run(
        [sys.executable, "-c", GOES_ON], capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=300
    )
    assert (done.stdout, done.stderr) == ("100 0\n", "")


def test_ctrl_c_before_an_answer_is_heard_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with iomux.network() as (a, b):
        with monkeypatch.context() as patch:
            patch.setattr(line, "hear", _after(lambda: os.kill(os.getpid(), signal.SIGINT)))
            with pytest.raises(KeyboardInterrupt):
                a.socket()
        with b.socket() as made:
            made.bind((b.address, 0))


def test_ctrl_c_is_not_lost_with_an_error_that_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with iomux.network() as (a, _), monkeypatch.context() as patch:
        patch.setattr(line, "hear", _after(lambda: os.kill(os.getpid(), signal.SIGINT)))
        with pytest.raises(KeyboardInterrupt):
            a.socket(77)


def test_a_line_whose_answer_was_not_awaited_is_of_no_use_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after signal.alarm, whose handler raises."""

    def too_long() -> None:
        raise LookupError("the cell takes too long")

    with iomux.network() as (a, b):
        with monkeypatch.context() as patch:
            patch.setattr(line, "hear", _after(too_long))
            with pytest.raises(LookupError, match="the cell takes too long"):
                a.socket()
        with pytest.raises(RuntimeError, match="the keeper of the network did not answer in time, or that was not"):
            b.socket()


def _after(first: Any) -> Any:
    """What hears an answer, and does something before."""

    def heard(sock: Any) -> Any:
        first()
        return channel.hear(sock)

    return heard
