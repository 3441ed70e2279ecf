"""wrk and redis-benchmark on a server that runs here, and what the server's processor did meanwhile.

Both programs are in C, so a server in Python is what limits the figure. Where one is missing, a client in Python
(`closed_loop`) does the same, and the row says which it was. Cost: a second or so for each run.
"""

import csv
import re
import subprocess
from collections.abc import Callable
from functools import partial

from iomux.course.clients import program
from iomux.course.clients.closed_loop import Complete, http_length, resp_length, run
from iomux.processes.server import Server
from iomux.processes.worker import free_core, run_in_worker
from iomux.system.machine import pin
from iomux.system.sockets import Address

Row = dict[str, float | str]
"""One run: server, tool, requests, requests_per_s, p99_us, cpu_us_per_request."""
_PYTHON = "a client in Python"
_IN_US = {"us": 1.0, "ms": 1e3, "s": 1e6}
_PATIENCE_SECONDS = 30.0


def web_load(server: Server, target: str, connections: int, seconds: int = 1) -> Row:
    """Load a web server over connections that stay open: wrk, else a client in Python.

    target: what is asked for; seconds: whole ones, because wrk counts in them. Raises RuntimeError if an answer was not
    2xx, or a connection failed.
    """
    if path := program("wrk"):
        command = [path, "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency"]
        return _metered(server, "wrk", lambda: of_wrk(_output(server, [*command, _url(server.address, target)])))
    request = f"GET {target} HTTP/1.1\r\nHost: {server.address[0]}\r\n\r\n".encode()
    return _metered(server, _PYTHON, lambda: _in_python(server, request, http_length, connections, float(seconds)))


def redis_load(server: Server, *command: str, connections: int = 50, depth: int = 1, requests: int = 20_000) -> Row:
    """Send one command again and again, `depth` at a time: redis-benchmark, else a client in Python for half a second.

    Raises RuntimeError if the server answers with an error or ends a connection.
    """
    if path := program("redis-benchmark"):
        host, port = server.address[:2]
        line = [path, "-h", host, "-p", str(port), "-c", str(connections), "-P", str(depth), "-n", str(requests)]
        return _metered(
            server, "redis-benchmark", lambda: of_redis_benchmark(_output(server, [*line, "--csv", *command]), requests)
        )
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in command)
    request = b"*%d\r\n%s" % (len(command), parts)
    return _metered(server, _PYTHON, lambda: _in_python(server, request, resp_length, connections, 0.5, depth))


def of_wrk(printed: str) -> dict[str, float]:
    """The numbers of a run of `wrk --latency`. Raises RuntimeError if some answers were wrong.

    Example:
    >>> from iomux.course.clients.programs import of_wrk
    >>> of_wrk("   99%    1.50ms\\n  900 requests in 1.10s, 5MB read\\nRequests/sec:    818.18")
    {'requests': 900.0, 'requests_per_s': 818.18, 'p99_us': 1500.0}
    """
    if wrong := re.search(r"Non-2xx.*|Socket errors:.*", printed):
        raise RuntimeError(f"wrk saw {wrong.group()}")
    (value, unit), (requests,) = _found(r"99%\s+([\d.]+)(us|ms|s)", printed), _found(r"(\d+) requests in", printed)
    (rate,) = _found(r"Requests/sec:\s+([\d.]+)", printed)
    return {
        "requests": float(requests),
        "requests_per_s": float(rate),
        "p99_us": float(value) * _IN_US[unit],
    }


def of_redis_benchmark(printed: str, requests: int) -> dict[str, float]:
    """The numbers of a run of `redis-benchmark --csv` with so many requests. Raises RuntimeError if there are none.

    Example:
    >>> from iomux.course.clients.programs import of_redis_benchmark
    >>> of_redis_benchmark('"test","rps","p99_latency_ms"\\n"GET","50000.00","1.250"', 20_000)
    {'requests': 20000.0, 'requests_per_s': 50000.0, 'p99_us': 1250.0}
    """
    rows = list(csv.DictReader(line for line in printed.splitlines() if line.startswith('"')))
    if not rows:
        raise RuntimeError(f"redis-benchmark measured nothing: {printed.strip()}")
    rate, p99 = float(rows[-1]["rps"]), float(rows[-1]["p99_latency_ms"]) * 1e3
    return {"requests": float(requests), "requests_per_s": rate, "p99_us": p99}


def _found(pattern: str, text: str) -> tuple[str, ...]:
    if found := re.search(pattern, text):
        return found.groups()
    raise RuntimeError(f"this is no report that was asked for: {text.strip() or 'nothing'}")


def _metered(server: Server, tool: str, load: Callable[[], dict[str, float]]) -> Row:
    began = server.cpu()
    seen = load()
    used = server.cpu().since(began).total
    return {"server": server.name, "tool": tool, **seen, "cpu_us_per_request": 1e6 * used / seen["requests"]}


def _output(server: Server, command: list[str]) -> str:
    on_core = partial(pin, free_core(server))
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, preexec_fn=on_core)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with status {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def _in_python(
    server: Server, request: bytes, complete: Complete, connections: int, seconds: float, depth: int = 1
) -> dict[str, float]:
    arguments = server.address, request, complete, connections, seconds, depth
    core = free_core(server)
    requests, taken = run_in_worker(run, *arguments, core=core, seconds=seconds + 30, what="the client in Python")
    return {
        "requests": float(requests),
        "requests_per_s": requests / seconds,
        "p99_us": sorted(taken)[len(taken) * 99 // 100] / 1e3 if len(taken) > 99 else float("nan"),
    }


def _url(address: Address, target: str) -> str:
    return f"http://{address[0]}:{address[1]}{target}"
