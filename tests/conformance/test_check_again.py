"""Ctrl-C: when it is sent, what may be left of a server, and that its port is free again at once."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.students import at_ctrl_c
from tests.support.checks import check
from tests.support.clients import eventually
from tests.support.processes import marked, own_mark

SOURCE = """
import socket, sys, threading

def talk(client):
    with client:
        while data := client.recv(65536):
            client.sendall(data)

listener = socket.socket()
{option}
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(100)
try:
    while True:
        threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()
except KeyboardInterrupt:
    pass
"""


@pytest.mark.parametrize(
    ("option", "failed"),
    [("listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)", ()), ("", ("ctrl-c",))],
)
def test_a_server_that_its_old_connections_keep_from_its_port_is_told_so(
    option: str, failed: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(SOURCE.format(option=option))
    report = check(f"{sys.executable} {tmp_path}/mine.py {{port}}", ("echoes", "ctrl-c"))
    assert report.failed == failed, str(report)
    if failed:
        assert report["ctrl-c"].seen == (
            "it ended, and could not be started again on the same port: the server ended with status 1: "
            "OSError: [Errno 98] Address already in use"
        )
        assert "SO_REUSEADDR" in report["ctrl-c"].hint


ABOUT_TO_SLEEP = """\
    while True:
        client, _ = listener.accept()
        threading.Thread(target=talk, args=(client,), daemon=True).start()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what Python's look for signals, just over, does not see any more
        time.sleep(0.05)
        signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def test_ctrl_c_is_not_sent_while_a_server_is_about_to_sleep(tmp_path: Path) -> None:
    serving = SOURCE[SOURCE.index("    while True:\n        threading") : SOURCE.index("except KeyboardInterrupt")]
    code = SOURCE.format(option="import signal, time; listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)")
    (tmp_path / "mine.py").write_text(code.replace(serving, ABOUT_TO_SLEEP))
    assert check(f"{sys.executable} {tmp_path}/mine.py {{port}}", ("echoes", "ctrl-c")).failed == ()


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no guard keeps what a server leaves behind")


@LINUX
@pytest.mark.parametrize(
    "serve", [at_ctrl_c.workers_finish, at_ctrl_c.waits_for_workers, at_ctrl_c.leaves_another_program]
)
def test_workers_may_need_a_moment_to_end(serve: Callable[..., None]) -> None:
    assert check(serve, "ctrl-c").passed


@LINUX
@pytest.mark.parametrize("serve", [at_ctrl_c.workers_stay, at_ctrl_c.children_serve_on])
def test_processes_that_stay_behind_when_the_first_has_ended_are_seen(
    serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard ends them as soon as the first has ended, so for this item it has to wait."""
    monkeypatch.setenv("IOMUX_MARK", mark := own_mark(serve.__name__))
    result = check(serve, "ctrl-c")["ctrl-c"]
    assert result.status == "failed"
    assert result.seen == "the server's first process has ended of SIGINT, and others that it had started stay behind"
    assert "your workers" in result.hint
    assert eventually(lambda: marked(mark) == []), "none of them outlives the check"


@LINUX
@pytest.mark.parametrize(("line", "failed"), [("{} & wait", ("ctrl-c",)), ("{}; true", ())])
def test_a_server_that_a_shell_has_started_in_the_background_does_not_hear_of_it(
    line: str, failed: tuple[str, ...], tmp_path: Path
) -> None:
    """A shell without job control lets a command that ends in & ignore SIGINT (POSIX, 2.9.3.1)."""
    option = "listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)"
    (tmp_path / "mine.py").write_text(SOURCE.format(option=option))
    started = line.format(f"{sys.executable} {tmp_path}/mine.py {{port}}")
    report = check(f"bash -c '{started}'", ("echoes", "ctrl-c"))
    assert report.failed == failed, str(report)
    if failed:
        assert report["ctrl-c"].seen == "the server went on after SIGINT"
        assert "what ends in &" in report["ctrl-c"].hint
