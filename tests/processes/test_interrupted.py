"""Ctrl-C at the worst moment: a process is there, and nobody has its name yet; or its owner waits for its end."""

import os
import signal
import subprocess
import tempfile
import time
from typing import Any

import pytest

import iomux
from iomux.processes import logs
from iomux.processes.spawn import WITHOUT_SITE, end, spawn
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


def test_an_interrupt_while_a_process_is_ended_leaves_no_pipe_and_no_log_to_trim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: Any) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return 0

    work = {"job": time.sleep, "arguments": (600,), "cpu": None}
    with tempfile.TemporaryFile() as log:
        process = spawn("iomux.processes.worker_main", work, log, options=WITHOUT_SITE)
        with monkeypatch.context() as patch:
            patch.setattr(process, "wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                end(process)
        assert process.stdin
        assert process.stdout
        assert process.stdin.closed
        assert process.stdout.closed
        assert process not in logs._watched
        end(process)
