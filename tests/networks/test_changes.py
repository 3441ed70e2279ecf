"""A change of a link: what becomes of it when another one, or Ctrl-C, comes at the same time, and what is sent."""

import os
import signal
import threading
from typing import Any

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
