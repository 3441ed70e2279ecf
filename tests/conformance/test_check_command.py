"""`iomux check` on the command line, and on servers that are command lines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checks import check
from tests.support.clients import eventually
from tests.support.processes import marked, own_mark

linux = pytest.mark.skipif(sys.platform != "linux", reason="what each thread uses is known on Linux only")


def iomux_check(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "iomux", "check", *arguments], capture_output=True, text=True, timeout=60
    )


def test_the_commands_status_says_whether_all_items_passed() -> None:
    good = iomux_check("poll", "--only", "echoes,pieces")
    assert (good.returncode, good.stdout.splitlines()[0]) == (0, "poll: 2 of 2 items passed, 12 of 12 points")
    bad = iomux_check(f"{sys.executable} -c 'raise SystemExit(5)' {{port}}", "--json", "--only", "echoes")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["results"][0]["seen"] == "the server ended with status 5"
    wrong = iomux_check("nonsense")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1


ECHO = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        client, _ = listener.accept()
        while data := client.recv(65536):
            client.sendall(data)
"""


def test_a_command_gets_the_environment_of_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert check(f"{sys.executable} -m mine {{port}}", "echoes").passed


DAEMON = "import os, time; os.fork() and {parent}; os.setsid(); os.fork() and os._exit(0); time.sleep(600)"


@linux
@pytest.mark.parametrize(
    ("parent", "seen"),
    [
        ("os._exit(os.wait()[1] + 7)", "the server ended with status 7"),
        ("os.execv(sys.executable, [sys.executable, *argv])", ""),
    ],
)
def test_a_daemon_that_a_command_leaves_behind_is_ended(
    parent: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(ECHO)
    (tmp_path / "daemon.py").write_text(f"import sys; argv = {[str(tmp_path / 'mine.py')]} + sys.argv[1:]\n")
    with (tmp_path / "daemon.py").open("a") as file:
        file.write(DAEMON.format(parent=parent))
    monkeypatch.setenv("IOMUX_MARK", mark := own_mark(parent))
    assert check(f"{sys.executable} {tmp_path}/daemon.py {{port}}", "echoes")["echoes"].seen == seen
    assert eventually(lambda: marked(mark) == [])


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("raise ValueError(42)", "ended with status 1: ValueError: 42"),
        ("import os; print(1, flush=True); os.abort()", "was ended by SIGABRT; the last line of its output: '1'"),
    ],
)
def test_the_end_of_a_command_is_reported_by_its_status_or_signal_and_its_error(line: str, seen: str) -> None:
    result = check(f"{sys.executable} -c '{line}' {{port}}", "echoes")["echoes"]
    assert result.seen == f"the server {seen}"


def test_a_check_in_the_background_of_a_script_judges_ctrl_c_in_the_same_way() -> None:
    line = f"trap '' INT; '{sys.executable}' -m iomux check poll --only ctrl-c"  # as sh does for a command with &
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "poll: 1 of 1 items passed, 1 of 1 points")


def test_the_input_of_a_command_stays_open(tmp_path: Path) -> None:
    waits = "import os, sys, threading\nthreading.Thread(target=lambda: sys.stdin.read() or os._exit(0)).start()\n"
    (tmp_path / "mine.py").write_text(waits + ECHO)
    assert check(f"{sys.executable} {tmp_path}/mine.py {{port}}", "echoes").passed, "not /dev/null, whose end is there"
