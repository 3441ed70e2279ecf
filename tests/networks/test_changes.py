"""A change of a link: what becomes of it when another one, or Ctrl-C, comes at the same time, and what is sent."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import iomux
from iomux.networks import channel, line

pytestmark = pytest.mark.usefixtures("works")


def test_changes_that_two_threads_make_at_once_are_both_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with iomux.network() as (a, _):
        ask, began, other_done = a._parts.wire.ask, threading.Event(), threading.Event()

        def slow(*question: Any) -> Any:
            if threading.current_thread() is cutting:
                began.set()
                other_done.wait(1.0)  # in vain if the other one has to wait for us
            return ask(*question)

        monkeypatch.setattr(a._parts.wire, "ask", slow)
        cutting = threading.Thread(target=a.link.cut)
        cutting.start()
        began.wait()
        a.link.delay_ms = 7
        other_done.set()
        cutting.join()
        assert (a.link.is_cut, a.link.delay_ms) == (True, 7)


def test_a_change_that_ctrl_c_comes_into_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def heard(sock: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return channel.hear(sock)

    with iomux.network() as (a, _):
        with monkeypatch.context() as patch:
            patch.setattr(line, "hear", heard)
            with pytest.raises(KeyboardInterrupt):
                a.link.delay_ms = 7
        assert a.link.delay_ms == 7, "as the wire has been told"


def test_numbers_of_numpy_are_sent_as_those_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def told(sock: Any, question: Any, *more: Any) -> None:
        sent.append(question)
        channel.tell(sock, question, *more)

    whole: Any = np.int64(9000)
    numbers: dict[str, Any] = {"delay_ms": np.float64(2), "loss": np.float32(0)}
    numbers |= dict.fromkeys(("rate_mbit", "queue_bytes"), whole)
    with iomux.network(**numbers) as (a, b):
        monkeypatch.setattr(line, "tell", told)
        for name, number in numbers.items():
            setattr(b.link, name, number)
        a.socket(whole // 9000, whole // 1500).close()  # SOCK_STREAM, IPPROTO_TCP
        for pid in (a._parts.pid("wire"), a._parts.pid("keeper")):
            assert "numpy" not in Path(f"/proc/{pid}/maps").read_text()
    *changes, asked = sent[: len(numbers) + 1]
    kinds = {name: type(value) for change in changes for name, value in change[1][1].items()}
    assert kinds == {"delay_ms": float, "rate_mbit": float, "loss": float, "queue_bytes": int, "cut": bool}
    assert [type(one) for one in asked[1:]] == [int, int, int]
