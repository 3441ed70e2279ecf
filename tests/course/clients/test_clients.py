"""The real clients: what they print is read as it is meant, and where one is missing another stands in."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

import iomux
from iomux.course.clients import browser, programs, running

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
WRK = """Running 1s test @ http://127.0.0.1:1/
  Latency Distribution
     50%  300.00us
     99%    1.50ms
  900 requests in 1.10s, 5.00MB read
Requests/sec:    818.18
"""
CSV = '"test","rps","avg_latency_ms","p99_latency_ms"\n"GET name","50000.00","0.500","1.250"\n'


def pages(data: bytes) -> bytes:
    return PAGE * data.count(b"\r\n\r\n")


def nil(data: bytes) -> bytes:
    return b"$-1\r\n" * data.count(b"*")


def test_the_reports_of_the_programs_are_read() -> None:
    assert programs.of_wrk(WRK) == {"requests": 900, "requests_per_s": 818.18, "p99_us": 1500}
    assert programs.of_redis_benchmark(CSV, 7) == {"requests": 7, "requests_per_s": 50_000, "p99_us": 1250}


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk(1) is not installed")
def test_wrk_is_given_more_time_if_no_answer_has_come_yet() -> None:
    with iomux.start("poll", handler=pages) as server:
        os.kill(server.pid, signal.SIGSTOP)
        threading.Timer(1.0, os.kill, (server.pid, signal.SIGCONT)).start()
        assert programs.web_load(server, "/", connections=2, seconds=0.2)["requests"] > 0  # type: ignore[operator]


FORGETS_ONE = """
import signal, time
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print("begins", flush=True)
while len(seen) < 2:
    time.sleep(0.05)
print("a report")
"""


def test_a_program_that_forgets_an_interrupt_is_interrupted_again() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", FORGETS_ONE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        assert "a report" in running._interrupted(process)


def test_a_program_is_interrupted_where_a_shell_has_the_background_ignore_that() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with iomux.start("poll", handler=pages) as server:
            tells = [sys.executable, "-S", "-c", "import signal; print(signal.getsignal(signal.SIGINT).__name__)"]
            assert running.output_of(server, tells) == "default_int_handler\n"
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "printed",
    ["", "Non-2xx or 3xx responses: 5", "Socket errors: connect 0, read 9, write 0", "0 requests in 0.20s, 0.00B read"],
)
def test_a_report_without_numbers_or_with_errors_is_none(printed: str) -> None:
    with pytest.raises(RuntimeError):
        programs.of_wrk(printed + WRK if printed else printed)
    with pytest.raises(RuntimeError, match="measured nothing"):
        programs.of_redis_benchmark("Could not connect", 7)


@pytest.mark.parametrize("without", ["", "wrk,redis-benchmark,curl,redis-cli"])
def test_each_server_is_asked_by_the_program_or_by_what_stands_in(
    monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", without)
    with iomux.start("poll", handler=pages) as server:
        row = programs.web_load(server, "/", connections=2, seconds=0.2)
        assert "200 OK" in programs.curl(server, "/")
    assert row["server"] == "poll"
    assert row["requests"] > 0  # type: ignore[operator]
    assert row["tool"] in (("wrk", "iomux.load") if not without else ("iomux.load",))
    with iomux.start("poll", handler=nil) as server:
        row = programs.redis_load(server, "GET", "name", connections=2, depth=4, requests=400)
        assert programs.redis_cli(server, "GET name").strip() in ("", "$-1")
    assert row["requests"] > 0  # type: ignore[operator]


def test_a_server_that_fails_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "wrk")
    monkeypatch.setattr(programs, "load", lambda *_, **__: SimpleNamespace(errors={"wrong reply: 503": 1}))
    with iomux.start("poll", handler=pages) as server, pytest.raises(RuntimeError, match="503"):
        programs.web_load(server, "/", connections=1)


def test_without_a_browser_each_target_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "chromium,chromium-browser,google-chrome")
    with iomux.start("poll", handler=pages) as server:
        photo = browser.photograph(*server.address, targets=["/", "/a.svg"])
    assert photo.png is None
    assert "http.client" in photo.said
