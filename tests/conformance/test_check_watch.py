"""`iomux check`: --watch tries again what failed when the file is saved; --junit, --markdown, and the exit status."""

import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from iomux.cli.watch import times, watched_file
from tests.support.clients import all_gone, eventually

SERVER = """
import threading
from answers import answer
def converse(client):
    while data := client.recv(1 << 17):
        client.sendall(answer(data))
    client.close()
def serve(listener):
    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()
"""
WRONG, RIGHT, BROKEN = "def answer(data): return data * 2\n", "def answer(data): return data\n", "def answer(\n"


def iomux_check(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "iomux", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SERVER.replace("from answers import answer", WRONG))
    return tmp_path


@pytest.fixture
def watching(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-u", "-m", "iomux", "check", "--watch", f"{folder}/mine.py:serve", "--only", "echoes"]
    with (folder / "out").open("w") as out, subprocess.Popen(command, stdout=out, stderr=out, text=True) as process:
        yield process
        process.kill()


def said(folder: Path, words: str) -> bool:
    return eventually(lambda: words in (folder / "out").read_text())


def test_what_failed_is_tried_again_when_the_file_is_saved(folder: Path, watching: "subprocess.Popen[str]") -> None:
    assert said(folder, "save it to check echoes again, or press Ctrl-C to end\n")
    (folder / "mine.py").write_text(BROKEN)
    assert said(folder, "can't be checked: ")
    (folder / "mine.py").write_text(SERVER.replace("from answers import answer", RIGHT))
    assert said(folder, "echoes: failed before, passed now\nnow all items again\n")
    assert said(folder, "save it to check all items again, or press Ctrl-C to end\n")
    started = psutil.Process(watching.pid).children(recursive=True)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(20) == 0
    assert all_gone(started)
    assert "Traceback" not in (folder / "out").read_text().partition("can't be checked")[0]


def test_a_file_beside_it_is_watched_as_well(folder: Path) -> None:
    before = times(folder / "mine.py")
    (folder / "answers.py").write_text(RIGHT)
    assert times(folder / "mine.py") != before
    (folder / "notes.txt").write_text("not read by the server")
    assert set(times(folder / "mine.py")) == {folder / "mine.py", folder / "answers.py"}


def test_the_file_of_a_command_is_watched(folder: Path) -> None:
    path = folder / "mine.py"
    assert watched_file(f"{path}:serve") == path
    assert watched_file(f"python {path} {{port}}") == path
    with pytest.raises(ValueError, match="names no file to watch"):
        watched_file("poll")


def test_there_is_nothing_to_watch_of_a_registered_server() -> None:
    done = iomux_check("poll", "--watch")
    assert (done.returncode, done.stdout) == (2, "")
    assert "poll names no file to watch" in done.stderr


def test_a_report_is_written_for_other_programs(folder: Path) -> None:
    done = iomux_check(f"{folder}/mine.py:serve", "--only", "echoes", "--markdown", "--junit", f"{folder}/report.xml")
    assert done.returncode == 1
    assert done.stdout.startswith("**serve: 0 of 1 items passed, 0 of 8 points**\n")
    assert ET.parse(folder / "report.xml").getroot().attrib["failures"] == "1"
    assert done.stderr == "", "no bar where standard error is no terminal"


def test_an_output_that_can_not_be_written_is_said_before_the_check(folder: Path) -> None:
    done = iomux_check("poll", "--junit", f"{folder}/none/report.xml")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"there is no folder \S+ to write report.xml into", done.stderr)
