"""Timelines that cannot be: servers that are refused or broken, wrong replies, clocks that were set."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import iomux
from iomux.servers import get
from tests.students.faults import answers_wrongly, breaks_at_first_client, returns_at_once
from tests.support.timelines import follow


def test_uvloop_is_refused_with_the_reason() -> None:
    if reason := get("uvloop").why_not():
        pytest.skip(reason)
    with pytest.raises(ValueError, match=r"uvloop can't be traced: .* libuv's own"):
        iomux.timeline("uvloop")


def test_a_running_server_can_not_be_traced() -> None:
    with iomux.start("blocking") as running, pytest.raises(TypeError, match="runs already, untraced"):
        iomux.timeline(running)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"requests": 0}, ValueError, "requests is 0: give a whole number from 1 to 200,000"),
        ({"requests": 1.5}, ValueError, "requests is 1.5: give a whole number"),
        ({"requests": True}, ValueError, "requests is True: give a whole number"),
        ({"requests": "9"}, ValueError, "requests is '9': give a whole number"),
        ({"requests": 200_001}, ValueError, "requests is 200001"),
        ({"connections": 2, "active": 3}, ValueError, "active is 3: choose from 1 to connections"),
        ({"size": 0}, ValueError, "size is 0"),
        ({"size": True}, ValueError, "size is True: give a whole number"),
        ({"connections": True}, ValueError, "connections is True: give a whole number"),
        ({"active": True}, ValueError, "active is True: give a whole number"),
        ({"deadline": 0}, ValueError, "deadline is 0"),
        ({"deadline": "1"}, ValueError, "deadline is '1': give a number"),
        ({"deadline": None}, ValueError, "deadline is None: give a number"),
        ({"deadline": True}, ValueError, "deadline is True: give a number"),
        ({"deadline": math.nan}, ValueError, "deadline is nan: choose more than 0"),
        ({"connections": 10_000_000}, ValueError, "more descriptors than a process may open"),
        ({"server": "nope"}, LookupError, "no server is called 'nope'"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        iomux.timeline(**{"server": "blocking"} | options)


@pytest.mark.parametrize(
    ("server", "message"), [(returns_at_once, r"returned: a server loops"), (breaks_at_first_client, "on purpose")]
)
def test_a_server_with_a_bug_shows_its_traceback(server: Any, message: str) -> None:
    with pytest.raises(iomux.ServerError, match=r"(?s)Traceback.*" + message):
        iomux.timeline(server, requests=10, deadline=0.5)


def test_a_wrong_reply_is_detected() -> None:
    with pytest.raises(RuntimeError, match="wrong reply"):
        iomux.timeline("blocking", requests=10, deadline=0.5, handler=answers_wrongly)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc to count descriptors in")
def test_no_descriptor_is_left_open() -> None:
    follow("blocking", requests=10)  # opens what is opened only once
    before = set(os.listdir("/proc/self/fd"))
    follow("blocking", requests=10)
    with pytest.raises(iomux.ServerError):
        iomux.timeline(returns_at_once, requests=10, deadline=0.5)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_handler_that_sends_back_something_else_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"received \d+ bytes and sent \d+: the handler has to send back"):
        iomux.timeline("epoll", requests=20, handler=lambda data: data + data)


def test_a_handler_that_raises_shows_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)closed by the server.*ZeroDivisionError"):
        iomux.timeline("epoll", requests=20, handler=lambda data: bytes(1 // 0))


def test_numpy_integers_are_accepted() -> None:
    given: dict[str, Any] = {"requests": np.int16(20), "size": np.int8(64), "deadline": np.float32(20)}
    assert len(iomux.timeline("epoll", **given)) == 20
