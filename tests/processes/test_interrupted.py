"""Ctrl-C at the worst moment: a process is there, and nobody has its name yet."""

import os
import signal
import subprocess
from typing import Any

import pytest

import iomux
from tests.support.clients import eventually
from tests.support.processes import children


class Interrupted(subprocess.Popen[Any]):
    """Ctrl-C is pressed as soon as the process is there."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_while_a_process_is_started_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        iomux.start("poll")
    assert caught.tb, "which keeps the variables of all that was called, as in a notebook"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert eventually(lambda: not children() - before)
