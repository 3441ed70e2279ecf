"""The command line: its output, its status, and one clear line for each wrong use."""

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import iomux
from tests.support.clients import all_gone, ask, connect
from tests.support.commands import busy_children, iomux_command

SERVERS = [mechanism.name for mechanism in iomux.mechanisms()]


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
            out, err = server.communicate(timeout=20)
    assert (server.returncode, out, err) == (0, "", "")


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
        _, err = server.communicate(timeout=20)
    assert err.count("\n") == 1
    assert "not a loopback address" in err


def test_bench_prints_a_table_and_writes_its_files(tmp_path: Path) -> None:
    csv, png = tmp_path / "rows.csv", tmp_path / "figure.png"
    options = ["--connections", "1,5", "--repeats", "1", "--duration", "0.1", "--csv", str(csv), "--plot", str(png)]
    done = iomux_command("bench", "select", "poll", *options)
    assert done.returncode == 0, done.stderr
    assert "p50_us" in done.stdout
    assert "measured on" in done.stdout
    assert "run" in done.stderr, "progress goes to standard error"
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
        out, err = bench.communicate(timeout=20)
    assert bench.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("\niomux bench: interrupted: 0 of 36 runs were done\n")
    assert out == ""
    assert all_gone(started), "neither its server nor its load generator may be left"


def test_doctor_names_every_mechanism_and_why_one_is_missing() -> None:
    hidden = {**os.environ, "IOMUX_WITHOUT": "epoll"}
    text = iomux_command("doctor", env=hidden).stdout
    assert all(name in text for name in SERVERS)
    facts = json.loads(iomux_command("doctor", "--json", env=hidden).stdout)
    missing = {m["name"]: m["why_not"] for m in facts["mechanisms"] if not m["available"]}
    assert "IOMUX_WITHOUT" in missing["epoll"]
    assert facts["descriptors_hard"] > 0
    assert {"kernel", "python", "cores", "clock", "clock_resolution_ns"} <= set(facts)


def test_doctor_names_what_measuring_needs_and_why_it_is_missing() -> None:
    hidden = {**os.environ, "IOMUX_WITHOUT": "timestamps,splice"}
    facts = json.loads(iomux_command("doctor", "--json", env=hidden).stdout)
    missing = {feature["name"]: feature["why_not"] for feature in facts["features"] if not feature["available"]}
    assert {"timestamps", "splice"} <= set(missing)
    assert "IOMUX_WITHOUT" in missing["splice"]
    lines = iomux_command("doctor", env=hidden).stdout.splitlines()
    assert any(line.startswith("timestamps") and "no: hidden" in line for line in lines)


def test_doctor_reports_a_name_that_hides_nothing() -> None:
    done = iomux_command("doctor", "--json", env={**os.environ, "IOMUX_WITHOUT": "bogus,epoll,splice"})
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert 'IOMUX_WITHOUT names "bogus", which hides nothing: choose from blocking, threaded,' in done.stderr
    assert json.loads(done.stdout)["mechanisms"]
    assert iomux_command("doctor", env={**os.environ, "IOMUX_WITHOUT": "epoll, splice"}).stderr == ""


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
    assert (done.returncode, done.stdout, done.stderr) == (0, f"iomux {version('iomux')}\n", "")


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
