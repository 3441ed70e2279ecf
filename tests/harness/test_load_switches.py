"""The context switches of a server, as the load generator counts them: of each thread, also of one that has ended."""

import subprocess
import sys

import pytest

import iomux
from iomux.system.machine import Switches, context_switches, switched
from tests.harness.test_load import poll as poll
from tests.students.right import sleeps


def test_a_sleeping_server_switches_voluntarily_and_a_spinning_one_does_not() -> None:
    """It sleeps in its handler at each request; in its poller it sleeps only if no request has come yet."""
    a_request = {}
    for name, handler in (("poll", sleeps), ("nonblocking", iomux.echo)):
        with iomux.start(name, handler=handler) as server:
            result = iomux.load(server, duration=0.3)
        assert result.voluntary_switches is not None
        assert result.involuntary_switches is not None
        assert result.involuntary_switches >= 0
        assert "context switches a request" in repr(result)
        assert result.row()["voluntary_switches"] == result.voluntary_switches
        a_request[name] = result.voluntary_switches / result.requests
    assert a_request["poll"] >= 0.5
    assert a_request["nonblocking"] < a_request["poll"] / 5


def test_the_switches_of_every_thread_are_counted() -> None:
    with iomux.start("threaded", handler=sleeps) as server:
        result = iomux.load(server, connections=4, duration=0.3)
    assert result.voluntary_switches is not None
    assert result.voluntary_switches >= 0.5 * result.requests, "its main thread sleeps in accept and makes none"


def test_the_end_of_a_thread_does_not_lose_the_others_switches() -> None:
    before = {1: Switches(10, 1), 2: Switches(1000, 5)}
    after = {1: Switches(14, 1), 3: Switches(2, 1)}
    assert switched(before, after) == Switches(6, 1)
    assert switched({}, {}) is None


def test_the_switches_of_a_process_that_is_gone_are_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with pytest.raises(ProcessLookupError, match="is gone"):
        context_switches(ended.pid)
