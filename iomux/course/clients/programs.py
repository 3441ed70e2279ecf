"""wrk and redis-benchmark on a server that runs here, and what the server's processor did meanwhile.

Both programs are in C, so a server in Python is what limits the figure. Where one is missing, `iomux.load` asks the
same, and the row says which it was. Cost: a second or so for each run.
"""

import contextlib
import csv
import http.client
import re
import socket
import subprocess
from collections.abc import Callable

from iomux.course.clients import program
from iomux.course.clients.running import output_of
from iomux.harness.load import asking
from iomux.harness.load.load import load
from iomux.processes.server import Server
from iomux.system.sockets import Address

Row = dict[str, float | str]
"""One run: server, tool, requests, requests_per_s, p99_us, cpu_us_per_request."""
_PYTHON = "iomux.load"
_HALF_A_SECOND = 0.5
_IN_US = {"us": 1.0, "ms": 1e3, "s": 1e6}
_LONGEST_SECONDS = 10.0  # of a run of wrk that has seen no answer yet


def web_load(server: Server, target: str, connections: int, seconds: float = 0.6) -> Row:
    """Load a web server over connections that stay open: wrk, else `iomux.load`.

    target: what is asked for. seconds: wrk counts in whole ones, so it is interrupted, upon which it reports; it runs
    longer if no answer had come by then. Raises RuntimeError if none comes, one was not 2xx, or a connection failed.

    Example:
    >>> from iomux.course.clients import programs
    >>> page = b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"
    >>> with iomux.start("threaded", handler=lambda data: page) as server:
    ...     row = programs.web_load(server, "/", connections=2, seconds=0.2)
    >>> row["requests"] > 0
    True
    """
    if path := program("wrk"):
        command = [path, "-t", "1", "-c", str(connections), "-d", "30s", "--latency", "--timeout", "30s"]
        return _metered(server, "wrk", lambda: _wrk(server, [*command, _url(server.address, target)], seconds))
    return _metered(server, _PYTHON, lambda: _in_python(server, asking.http(target), connections))


def redis_load(server: Server, *command: str, connections: int = 50, depth: int = 1, requests: int = 20_000) -> Row:
    """Send one command again and again, `depth` at a time: redis-benchmark, else `iomux.load`.

    Raises RuntimeError if the server answers with an error or ends a connection.

    Example:
    >>> from iomux.course.clients import programs
    >>> with iomux.start("threaded", handler=lambda data: b"$-1\\r\\n" * data.count(b"*")) as server:
    ...     row = programs.redis_load(server, "GET", "name", connections=2, requests=100)
    >>> row["requests"] > 0
    True
    """
    if path := program("redis-benchmark"):
        host, port = server.address[:2]
        line = [path, "-h", host, "-p", str(port), "-c", str(connections), "-P", str(depth), "-n", str(requests)]
        return _metered(
            server,
            "redis-benchmark",
            lambda: of_redis_benchmark(output_of(server, [*line, "--csv", *command]), requests),
        )
    return _metered(server, _PYTHON, lambda: _in_python(server, asking.resp(*command, depth=depth), connections, depth))


def curl(server: Server, target: str) -> str:
    """Both sides of one request, as `curl -v` shows them; without curl, the head of the answer as http.client reads it.

    Example:
    >>> from iomux.course.clients import programs
    >>> page = b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"
    >>> with iomux.start("threaded", handler=lambda data: page) as server:
    ...     "200 OK" in programs.curl(server, "/")
    True
    """
    if path := program("curl"):
        line = [path, "-sv", "--noproxy", "*", "-m", "10", "-o", "/dev/null", _url(server.address, target)]
        said = subprocess.run(line, capture_output=True, text=True, check=True).stderr
        return "\n".join(line for line in said.splitlines() if line[:1] in "<>")
    client = http.client.HTTPConnection(*server.address[:2], timeout=10)
    with contextlib.closing(client):
        client.request("GET", target)
        answer = client.getresponse()
        return f"{answer.status} {answer.reason}\n{answer.headers}"


def redis_cli(server: Server, script: str) -> str:
    """What redis-cli prints for commands, one a line; without it, the replies as they are on the wire.

    Example:
    >>> from iomux.course.clients import programs
    >>> with iomux.start("threaded", handler=lambda data: b"+PONG\\r\\n") as server:
    ...     programs.redis_cli(server, "PING").strip() in ("PONG", "+PONG")
    True
    """
    if path := program("redis-cli"):
        line = [path, "-h", server.address[0], "-p", str(server.address[1])]
        return subprocess.run(line, input=script, capture_output=True, text=True, timeout=10, check=True).stdout
    with socket.create_connection(server.address, timeout=10) as client, client.makefile("rb") as replies:
        client.sendall("".join(f"{line}\r\n" for line in script.splitlines()).encode())  # inline commands
        client.shutdown(socket.SHUT_WR)
        return replies.read().decode()


def of_wrk(printed: str) -> dict[str, float]:
    """The numbers of a run of `wrk --latency`. Raises RuntimeError if some answers were wrong.

    Example:
    >>> from iomux.course.clients.programs import of_wrk
    >>> of_wrk("   99%    1.50ms\\n  900 requests in 1.10s, 5MB read\\nRequests/sec:    818.18")
    {'requests': 900.0, 'requests_per_s': 818.18, 'p99_us': 1500.0}
    """
    if wrong := re.search(r"Non-2xx.*|Socket errors:.*|\b0 requests in .*", printed):
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


def _wrk(server: Server, command: list[str], seconds: float) -> dict[str, float]:
    printed = output_of(server, command, seconds)
    while seconds < _LONGEST_SECONDS and not re.search(r"[1-9]\d* requests in", printed):  # it had no turn yet
        seconds *= 4
        printed = output_of(server, command, seconds)
    return of_wrk(printed)


def _in_python(server: Server, asked: asking.Asking, connections: int, depth: int = 1) -> dict[str, float]:
    """What `iomux.load` saw, counted in single requests."""
    seen = load(server, connections, duration=_HALF_A_SECOND, warmup=0, protocol=asked)
    if seen.errors:
        raise RuntimeError(f"iomux.load saw {dict(seen.errors)}")
    return {
        "requests": float(seen.requests * depth),
        "requests_per_s": float(seen.requests_per_s * depth),
        "p99_us": float(seen.p99_us),
    }


def _url(address: Address, target: str) -> str:
    return f"http://{address[0]}:{address[1]}{target}"
