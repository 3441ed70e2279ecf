"""How the command line ends: interrupted at any moment, by SIGTERM, without a reader; each has its own status."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.clients import DEADLINE, all_gone
from tests.support.commands import iomux_command, on_terminal

INTERRUPTED_AT_IMPORT = """
import importlib.abc, os, signal, sys
from iomux.cli.main import main
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), signal.{number})
sys.meta_path.insert(0, Interrupt())
sys.argv = ["iomux", "bench", "poll", "--connections", "1", "--repeats", "1", "--duration", "0.1"]
status = main()
os.kill(os.getpid(), signal.{number})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("name", "in_order"), [("iomux.cli.parser", False), ("iomux.harness.load.sweep", True), ("no such module", False)]
)
def test_an_interrupt_prints_no_traceback_at_an_import_or_after_the_end(
    name: str, in_order: bool, number: signal.Signals
) -> None:
    script = INTERRUPTED_AT_IMPORT.format(name=name, number=number.name)
    if in_order:
        script = script.replace("status = main()", "sys.exit(main())")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == ("iomux bench: interrupted\n" if in_order else "")
    assert done.returncode == (128 + number if in_order else -number)


INTERRUPTED_IN_A_DESTRUCTOR = """
import os, signal, sys, time
from iomux.cli.terminal import ending
class Left:
    def __del__(self):
        os.kill(os.getpid(), signal.{number})
        for _ in range(1000):
            pass
ending.in_order()
try:
    Left()
    time.sleep(30)
except KeyboardInterrupt:
    sys.exit(ending.status(ending.INTERRUPTED))
"""
SLOW = """
import threading, time
begin = threading.Thread.start
threading.Thread.start = lambda thread: (begin(thread), time.sleep(0.3))  # as where the main thread waits for a core
"""


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupt_in_a_destructor_is_not_lost(number: str, status: int) -> None:
    script = INTERRUPTED_IN_A_DESTRUCTOR.format(number=number)
    for slow in ("", SLOW):
        done = subprocess.run([sys.executable, "-c", slow + script], capture_output=True, text=True, timeout=25)
        assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_bench_keeps_the_runs_that_were_done(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    csv = tmp_path / "rows.csv"
    options = ["--connections", "1", "--repeats", "99", "--duration", "0.05", "--csv", str(csv)]
    with on_terminal("bench", "poll", *options) as (bench, seen):
        seen(" 2/99 ")
        bench.send_signal(number)
        out, _ = bench.communicate(timeout=DEADLINE)
    lines = out.decode().splitlines()
    assert bench.returncode == status
    assert sum(line.split()[0] == "poll" for line in lines[1:]) == len(csv.read_text().splitlines()) - 1 >= 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_soak_reports_what_was_seen(number: signal.Signals, status: int) -> None:
    with on_terminal("soak", "poll", "--clients", "5") as (soak, seen):
        seen("requests=")
        started = psutil.Process(soak.pid).children(recursive=True)
        soak.send_signal(number)
        if number == signal.SIGTERM:  # timeout(1) sends two
            soak.send_signal(number)
        out, _ = soak.communicate(timeout=DEADLINE)
    assert soak.returncode == status
    assert b"interrupted: these are the results up to then" in out
    assert b"nothing was lost" in out
    assert all_gone(started)


QUICK = ["--connections", "1", "--repeats", "1", "--duration", "0.05"]
SERVERS = """
def never_starts(listener):
    1 / 0

def answers_wrongly(listener):
    while True:
        client = listener.accept()[0]
        while client.recv(65536):
            client.sendall(b"x")
"""
STATUSES = [
    (["check", "poll", "--only", "echoes"], 0),
    (["check", "{file}:answers_wrongly", "--only", "echoes"], 1),
    (["check", "epol"], 2),
    (["check", "nosuchcmd"], 2),
    (["check", "nosuchcmd {port}"], 2),
    (["check", "sh -c 'exec nosuchcmd {port}'"], 2),
    (["bench", "poll", *QUICK], 0),
    (["bench", "{file}:never_starts", *QUICK], 1),
    (["bench", "poll", "{file}:never_starts", *QUICK], 1),
    (["bench", "{file}:answers_wrongly", *QUICK], 1),
    (["bench", "--ring", "99999999,1,1"], 2),
    (["bench", "select", "--ring", "600,1,1"], 1),
    (["bench", "select", "poll", "--ring", "600,1,1"], 0),
    (["soak", "{file}:never_starts"], 1),
]


@pytest.mark.parametrize(("arguments", "status"), STATUSES)
def test_the_status_tells_right_from_wrong_and_from_asked_wrongly(
    arguments: list[str], status: int, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SERVERS)
    done = iomux_command(*(argument.replace("{file}", str(file)) for argument in arguments))
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr or arguments[0] == "soak"


@pytest.mark.parametrize("closing", ["2>&-", "2>/dev/full", "0<&- 2>&-"])
@pytest.mark.parametrize(("arguments", "status"), [("check poll --only echoes", 0), ("check epol", 2), ("dance", 2)])
def test_a_standard_error_that_can_not_be_written_to_changes_nothing(arguments: str, status: int, closing: str) -> None:
    script = f"{sys.executable} -m iomux {arguments} {closing}"
    done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == status
    assert done.stdout.startswith("poll: 1 of 1 items passed" if status == 0 else "")
    assert bool(done.stdout) == (status == 0)


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--json"], ["compare", "--help"]])
def test_a_reader_that_left_has_a_status_of_its_own(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "iomux", *arguments]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_files_are_written_though_the_reader_left(tmp_path: Path) -> None:
    script = f"{sys.executable} -m iomux bench poll {' '.join(QUICK)} --csv {tmp_path}/rows.csv | true"
    subprocess.run(["sh", "-c", script], check=True, timeout=60)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 2


def test_a_full_device_is_one_line_and_status_2() -> None:
    script = f"{sys.executable} -m iomux compare --help > /dev/full"
    done = subprocess.run(["sh", "-c", script], stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "iomux: the output could not be written: no space left on device\n")
