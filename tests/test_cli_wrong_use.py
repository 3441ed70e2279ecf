"""The command line used wrongly: one line that says what to change, and status 2."""

import os
import select
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from iomux.cli.terminal.outputs import check_output
from tests.support.commands import iomux_command

WRONG = [
    (["serve", "nope"], "no server is called 'nope': choose one of"),
    (["serve", "missing.py:serve"], "there is no file missing.py"),
    (["serve", "missing.py"], "there is no file missing.py"),
    (["serve", "conftest.py"], "conftest.py is a file: write conftest.py:serve, with the function's name"),
    (["check", "conftest.py:"], "conftest.py is a file: write conftest.py:serve, with the function's name"),
    (
        ["bench", "conftest.py:LOCK_FILES"],
        "conftest.py:LOCK_FILES is no function: its type is tuple: name the one that",
    ),
    (["check", "http://localhost:45999/"], "is a URL: write host:port, as in localhost:45999"),
    (["serve", "poll", "--port", "99999"], "is no port"),
    (["serve", "poll", "--host", "192.0.2.1"], "cannot assign requested address: 192.0.2.1:0; choose another"),
    (["bench", "nope"], "no server is called 'nope'"),
    (["bench", "poll", "--connections", "5000000"], "more descriptors than a process may open"),
    (["bench", "poll", "--connections", "0"], "at least 1"),
    (["bench", "poll", "--connections", "many"], "is no list of numbers"),
    (["bench", "poll", "--connections", "5", "--active", "6"], "active is 6: choose from 1"),
    (["bench", "poll", "--size", "0"], "size is 0"),
    (["bench", "poll", "--duration", "0"], "duration is 0"),
    (["bench", "poll", "--rate", "-1"], "rate is -1"),
    (["bench", "poll", "--repeats", "0"], "repeats is 0"),
    (["bench", "poll", "--csv", "."], "is a folder"),
    (["bench", "poll", "--csv", "/proc/rows.csv"], "/proc/rows.csv can't be written (no such file or directory)"),
    (["serve", "poll", "--host", ""], "argument --host: it is empty"),
    (["serve", "poll", "--http", ""], "argument --http: it is empty"),
    (["course", ""], "argument FOLDER: it is empty"),
    (["bench", "poll", "--plot", "x.xyz"], "is no picture"),
    (["bench", "poll", "--plot", "no/such/folder/x.png"], "there is no folder"),
    (["bench"], "required: NAME"),
    (["soak"], "required: NAME"),
    (["soak", "nonsense"], "no server is called 'nonsense'"),
    (["soak", "poll", "--minutes", "0"], "minutes is 0"),
    (["soak", "poll", "--clients", "many"], "argument --clients: 'many' is no whole number: write it as"),
    (["soak", "poll", "--seed", "x"], "argument --seed: 'x' is no whole number: write it as"),
    (["bench", "poll", "--duration", "long"], "argument --duration: 'long' is no number: write it as"),
    (["soak", "blocking", "--clients", "2"], "blocking serves one client at a time"),
    (["dance"], "invalid choice"),
    ([], "required: COMMAND"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_use_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = iomux_command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


@pytest.mark.parametrize(
    ("source", "line", "why"),
    [
        ("def serve(\n", 1, "SyntaxError: '(' was never closed"),
        ("def serve(listener):\n    pass\n\nlimit = 1 / 0\n", 4, "ZeroDivisionError: division by zero"),
        ("import sys\nimport json\njson.loads('')\n", 3, "json.decoder.JSONDecodeError: Expecting value"),
        ("raise SystemExit('no more')\n", 1, "SystemExit: no more"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "check", "bench", "soak"])
def test_a_file_that_can_not_be_imported_is_reported_as_python_does(
    command: str, source: str, line: int, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(source)
    done = iomux_command(command, f"{file}:serve")
    first, second, *_, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert first == f"iomux {command}: {file} can't be imported:"
    assert second.startswith(f'  File "{file}", line {line}')
    assert last.startswith(why)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("File ") == 1, "no frame of ours, none of the library's"


def test_the_version_is_the_packages() -> None:
    done = iomux_command("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"iomux {version('iomux-course')}\n", "")


def test_with_too_few_descriptors_for_anything_only_the_limit_helps() -> None:
    script = f"ulimit -n 60; {sys.executable} -m iomux bench poll --connections 1"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.endswith("may open here (60): raise the hard limit (ulimit -Hn)\n")


def test_a_taken_port_is_one_line_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = iomux_command("serve", "poll", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert done.stderr.startswith("iomux serve: address already in use")
    assert done.stderr.count("\n") == 1


def test_a_hidden_mechanism_is_one_line_and_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "poll")
    done = iomux_command("bench", "poll")
    assert done.returncode == 2
    assert "IOMUX_WITHOUT" in done.stderr


def test_looking_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    new, link, kept = tmp_path / "new.csv", tmp_path / "link.csv", tmp_path / "kept.csv"
    link.symlink_to(tmp_path / "is made later.csv")
    kept.write_text("rows\n")
    for path in (new, link, kept):
        check_output(path)
    assert sorted(tmp_path.iterdir()) == [kept, link]
    assert kept.read_text() == "rows\n"


def test_a_pipe_is_not_opened_before_there_is_something_to_write(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    descriptor = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb"):
        check_output(tmp_path / "pipe")
        poller = select.poll()
        poller.register(descriptor)
        assert poller.poll(0) == [], "a writer that came and went is the end of what is read (POLLHUP)"
