"""Ctrl-C: when it is sent, and that a server that makes its own listener is started again on the same port at once."""

import sys
from pathlib import Path

import pytest

from tests.support.checks import check

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
