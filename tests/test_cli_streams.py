"""What the command line writes where: JSON alone, a bar on a terminal only, and every row in any encoding."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import iomux_command, on_terminal

QUICK = ["--connections", "1", "--repeats", "1", "--duration", "0.05"]
PRINTS = """
import os, subprocess, sys, threading, iomux
def shout(where):
    print("a print", where, flush=True)
    os.write(1, b"a write")
    os.system("echo a shell")
    subprocess.run([sys.executable, "-c", "print('a child')"])
    threading.Thread(target=print, args=["a thread"]).start()
shout("at import")
def serve(listener):
    shout("in serve")
    iomux.servers.get("poll").load()(listener, handler)
def handler(data):
    print("in the handler", flush=True)
    return data
"""
COMMANDS = [
    ["check", "--only", "echoes"],
    ["bench", *QUICK],
    ["soak", "--minutes", "0.005", "--clients", "1"],
]


@pytest.mark.parametrize("command", COMMANDS)
def test_json_has_no_print_of_a_student_in_it_and_no_bar_beside_it(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PRINTS)
    name, *options = command
    with on_terminal(name, f"{file}:serve", *options, "--json") as (process, seen):
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, seen("")) == (0, "")
    assert json.loads(out)


@pytest.mark.parametrize("command", [["check", "poll", "--only", "echoes"], ["bench", "poll", *QUICK]])
def test_a_bar_is_shown_on_a_terminal_only_and_without_colour(command: list[str]) -> None:
    with on_terminal(*command, columns=40, NO_COLOR="1") as (process, seen):
        process.communicate(timeout=60)
        shown = seen("")
    assert "0/1" in shown
    assert max(map(len, re.split(r"[\r\n]+", shown))) <= 40
    assert "\x1b[" not in shown
    assert iomux_command(*command).stderr == ""


def test_no_row_is_lost_where_the_encoding_lacks_a_sign(tmp_path: Path) -> None:
    done = iomux_command("bench", "poll", *QUICK, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[0] == "poll"
    assert "times in \\xb5s" in done.stdout


def test_the_first_line_can_be_taken_alone() -> None:
    script = f"set -o pipefail; {sys.executable} -m iomux check poll --only echoes | head -1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 141)  # head may have left before the rest was written
    assert (done.stdout, done.stderr) == ("poll: 1 of 1 items passed, 8 of 8 points\n", "")
