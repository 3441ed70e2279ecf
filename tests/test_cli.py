"""The command line: its output, its status, and one clear line for each wrong use."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import iomux
from tests.support.clients import DEADLINE, all_gone, ask, connect
from tests.support.commands import busy_children, iomux_command

SERVERS = [mechanism.name for mechanism in iomux.mechanisms()]
Done = subprocess.CompletedProcess[str]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", SERVERS)
def test_serve_prints_its_address_and_ends_quietly(name: str, number: signal.Signals) -> None:
    if name not in iomux.names():
        pytest.skip(f"{name} is not available here")
    command = [sys.executable, "-m", "iomux", "serve", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:")
        port = int(line.rpartition(":")[2])
        with connect(("127.0.0.1", port)) as client:
            assert ask(client, b"hello") == b"hello"
            server.send_signal(number)
            try:
                out, err = server.communicate(timeout=DEADLINE)
            finally:
                server.kill()  # else leaving the block would wait for it for ever
    assert (server.returncode, out, err) == (0, "", "")


@pytest.mark.skipif(sys.platform != "linux", reason="one thread of another process is reached by tgkill(2)")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_though_its_main_thread_has_missed_the_signal(number: signal.Signals) -> None:
    """As when it comes just before the thread waits: here another thread is given it."""
    command = [sys.executable, "-m", "iomux", "serve", "threaded"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().rpartition(":")[2])
            with connect(("127.0.0.1", port)) as client:
                assert ask(client, b"hello") == b"hello"
                threads = sorted(int(name) for name in os.listdir(f"/proc/{server.pid}/task"))
                assert ctypes.CDLL(None).tgkill(server.pid, threads[-1], int(number)) == 0
                assert server.communicate(timeout=DEADLINE) == ("", "")
        finally:
            server.kill()
    assert server.returncode == 0


def test_serve_a_function_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def serve(listener):\n    while True:\n        listener.accept()[0].sendall(b'mine')\n")
    command = [sys.executable, "-m", "iomux", "serve", f"{file}:serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        with connect(("127.0.0.1", port)) as client:
            assert client.recv(4) == b"mine"
        server.terminate()
    assert server.returncode == 0


def test_serve_a_faulty_function_shows_its_traceback(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def serve(listener):\n    1 / 0\n")
    done = iomux_command("serve", f"{file}:serve")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_serve_warns_of_a_host_that_is_not_loopback() -> None:
    command = [sys.executable, "-m", "iomux", "serve", "poll", "--host", "0.0.0.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("listening on 0.0.0.0:")
        server.terminate()
        _, err = server.communicate(timeout=DEADLINE)
    assert err.count("\n") == 1
    assert "not a loopback address" in err


def test_serve_prints_an_address_that_can_be_typed() -> None:
    command = [sys.executable, "-m", "iomux", "serve", "poll", "--host", "::1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        server.terminate()
        _, err = server.communicate(timeout=DEADLINE)
    if "cannot assign" in err:
        pytest.skip("this machine has no IPv6")
    assert line.startswith("listening on [::1]:")


def test_bench_prints_a_table_and_writes_its_files(tmp_path: Path) -> None:
    csv, png = tmp_path / "rows.csv", tmp_path / "figure.png"
    options = ["--connections", "1,5", "--repeats", "1", "--duration", "0.1", "--csv", str(csv), "--plot", str(png)]
    done = iomux_command("bench", "select", "poll", *options)
    assert done.returncode == 0, done.stderr
    assert "p50_us" in done.stdout
    assert "measured on" in done.stdout
    assert done.stderr == "", "no bar where there is no terminal"
    assert len(csv.read_text().splitlines()) == 1 + 4
    assert png.read_bytes().startswith(b"\x89PNG")


def test_bench_json_is_one_array_and_nothing_else() -> None:
    done = iomux_command("bench", "poll", "--connections", "1,5", "--repeats", "2", "--duration", "0.1", "--json")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    assert [(row["server"], row["connections"], row["repeat"]) for row in rows] == [
        ("poll", 1, 0),
        ("poll", 5, 0),
        ("poll", 1, 1),
        ("poll", 5, 1),
    ]
    assert all(row["p50_us"] > 0 and row["active"] == 1 and row["reason"] == "" for row in rows)


def test_bench_open_loop_and_all_active() -> None:
    options = ["--connections", "4", "--active", "all", "--rate", "200", "--repeats", "1", "--duration", "0.3"]
    (row,) = json.loads(iomux_command("bench", "poll", *options, "--json").stdout)
    assert row["active"] == 4
    assert row["rate_per_s"] == 200


def test_bench_reports_a_limit() -> None:
    options = ["--connections", "1100", "--repeats", "1", "--duration", "0.1"]
    done = iomux_command("bench", "select", *options)
    assert done.returncode == 0
    assert "select at 1,100 connections: a client was refused" in done.stdout


def test_interrupted_bench_reports_its_progress_and_leaves_nothing_behind() -> None:
    command = [sys.executable, "-m", "iomux", "bench", "poll", "--duration", "30", "--repeats", "9"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        started = busy_children(bench, 2)
        bench.send_signal(signal.SIGINT)
        out, err = bench.communicate(timeout=DEADLINE)
    assert bench.returncode == 130
    assert err == "iomux bench: interrupted: 0 of 36 runs were done\n"
    assert out == ""
    assert all_gone(started), "neither its server nor its load generator may be left"


@pytest.fixture(scope="module")
def told() -> Done:
    """What `iomux doctor` prints where a mechanism and two features are hidden. It measures for some seconds."""
    return iomux_command("doctor", env={**os.environ, "IOMUX_WITHOUT": "epoll, timestamps, splice"})


@pytest.fixture(scope="module")
def told_in_json() -> Done:
    """The same with --json, and a name that hides nothing."""
    return iomux_command("doctor", "--json", env={**os.environ, "IOMUX_WITHOUT": "bogus,epoll,timestamps,splice"})


def test_doctor_names_every_mechanism_and_why_one_is_missing(told: Done, told_in_json: Done) -> None:
    assert all(name in told.stdout for name in SERVERS)
    facts = json.loads(told_in_json.stdout)
    missing = {m["name"]: m["why_not"] for m in facts["mechanisms"] if not m["available"]}
    assert "IOMUX_WITHOUT" in missing["epoll"]
    assert facts["descriptors_hard"] > 0
    assert {"kernel", "python", "cores", "clock", "clock_resolution_ns"} <= set(facts)


def test_doctor_names_what_measuring_needs_and_why_it_is_missing(told: Done, told_in_json: Done) -> None:
    facts = json.loads(told_in_json.stdout)
    missing = {feature["name"]: feature["why_not"] for feature in facts["features"] if not feature["available"]}
    assert {"timestamps", "splice"} <= set(missing)
    assert "IOMUX_WITHOUT" in missing["splice"]
    lines = told.stdout.splitlines()
    assert any(line.startswith("timestamps") and "no: hidden" in line for line in lines)


def test_doctor_reports_a_name_that_hides_nothing(told: Done, told_in_json: Done) -> None:
    assert (told_in_json.returncode, told_in_json.stderr.count("\n")) == (0, 1)
    assert 'IOMUX_WITHOUT names "bogus", which hides nothing: choose from blocking, threaded,' in told_in_json.stderr
    assert json.loads(told_in_json.stdout)["mechanisms"]
    assert told.stderr == ""
