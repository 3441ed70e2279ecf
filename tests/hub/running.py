"""A JupyterHub of one's own: the simple local spawner, the proxy from npm, and all ports on the loopback.

Its configuration is that of docs/teach.md, then what a test adds: who is let in by which password, where everything
lies, and a narrower place for one user. It never outlives its owner: the owner holds the other end of its standard
input, and when that is closed the hub ends, and with it the proxy and the users' servers. Each process that it starts
has a mark in its environment (`tests.support.processes`). Cost: some 5 s.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import matplotlib as mpl
import psutil

from iomux.processes.named.place import free_port
from tests.support.processes import marked, own_mark

ROOT = Path(__file__).parents[2]
PASSWORD = "the same for everybody"
NARROW = "nia"
"""The user who has one core and few descriptors."""
DESCRIPTORS = 1_100
"""Of a process of hers: notebook 04 opens 1,000 connections, and would like 1,100."""
_JSON = {"Content-Type": "application/json"}
_START_SECONDS, _STOP_SECONDS = 240.0, 30.0  # on a machine that is busy a user's server takes over a minute

_OF_THE_TEST = """
from jupyterhub.auth import Authenticator


class OnePassword(Authenticator):
    async def authenticate(self, handler, data):
        return data["username"] if data["password"] == {password!r} else None


c.JupyterHub.authenticator_class = OnePassword  # the hub's own "dummy" lets everybody in, whatever is configured
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.db_url = "sqlite:///:memory:"
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.environment = {environment!r}
c.Spawner.args = {arguments!r}
c.Spawner.start_timeout = c.Spawner.http_timeout = {start_seconds}


def confine(spawner):
    if spawner.user.name == {narrow!r}:
        spawner.cmd = ["taskset", "-c", "{core}", "prlimit", "--nofile={descriptors}", *spawner.cmd]


c.Spawner.pre_spawn_hook = confine
"""


@dataclass(frozen=True)
class Hub:
    """A running hub."""

    url: str
    """Where the proxy answers, ending in a slash."""
    folder: Path
    mark: str

    def log_in(self, user: str) -> str:
        """Log in as a browser does, by the form, and return a token of this user. Raises HTTPError if not let in."""
        cookies = CookieJar()
        opener = build_opener(HTTPCookieProcessor(cookies))
        login = self.url + "hub/login"
        opener.open(login, timeout=30).close()
        xsrf = next(cookie.value for cookie in cookies if cookie.name == "_xsrf")
        form = urlencode({"username": user, "password": PASSWORD, "_xsrf": xsrf}).encode()
        opener.open(Request(login + "?next=%2Fhub%2Ftoken", form, {"Referer": login}), timeout=30).close()
        xsrf = next(cookie.value for cookie in cookies if cookie.name == "_xsrf" and cookie.path == "/hub/")
        made = Request(f"{self.url}hub/api/users/{user}/tokens", b"{}", _JSON | {"X-XSRFToken": xsrf or ""})
        with opener.open(made, timeout=30) as answer:
            return str(json.loads(answer.read())["token"])

    def ask(self, path: str, token: str, method: str = "GET", body: Any = None) -> Any:
        """Send a request to a REST interface, the hub's or a user's; return the JSON of the answer, or None."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, _JSON | {"Authorization": f"token {token}"}, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def spawn(self, user: str, token: str) -> None:
        """Start a user's server, and wait until it answers through the proxy."""
        self.ask(f"hub/api/users/{user}/server", token, "POST", {})
        until = time.monotonic() + _START_SECONDS
        while not self.ask(f"hub/api/users/{user}", token)["servers"].get("", {}).get("ready"):
            assert time.monotonic() < until, f"{user}'s server did not start:\n{self.log()}"
            time.sleep(0.5)

    def end(self, user: str, token: str) -> None:
        """Stop a user's server, as the hub's page does."""
        self.ask(f"hub/api/users/{user}/server", token, "DELETE")

    def log(self) -> str:
        """All that the hub, the proxy and the users' servers have written."""
        return (self.folder / "hub.log").read_text()


@contextlib.contextmanager
def hub(folder: Path, proxy: str, documented: str) -> Iterator[Hub]:
    """A hub with the documented configuration (`documented`) in `folder`; on leaving, nothing of it is left."""
    mark, port = own_mark("hub"), free_port()
    environment = {"IOMUX_MARK": mark, "MPLCONFIGDIR": mpl.get_cachedir()}
    own = _OF_THE_TEST.format(
        password=PASSWORD,
        narrow=NARROW,
        descriptors=DESCRIPTORS,
        core=min(os.sched_getaffinity(0)),
        port=port,
        hub_port=free_port(),
        proxy_port=free_port(),
        proxy=proxy,
        homes=str(folder / "{username}"),
        environment=environment,
        arguments=["--allow-root"] if os.geteuid() == 0 else [],
        start_seconds=int(_START_SECONDS),
    )
    (folder / "jupyterhub_config.py").write_text(f"{documented}\n{own}")
    command = [sys.executable, "-P", __file__, "-f", "jupyterhub_config.py"]
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON", "XDG_", "PYTEST_"))}
    ours |= environment | {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, env=ours, start_new_session=True
        )
        try:
            running = Hub(f"http://127.0.0.1:{port}/", folder, mark)
            _wait_until_it_answers(running, process)
            yield running
        finally:
            _end(process, mark)


def configuration() -> str:
    """The jupyterhub_config.py of docs/teach.md."""
    page = (ROOT / "docs" / "teach.md").read_text()
    found = re.search(r"```python\n( *# jupyterhub_config\.py\n.*?)\n *```", page, re.DOTALL)
    assert found, "docs/teach.md has no jupyterhub_config.py"
    return textwrap.dedent(found[1])


def _wait_until_it_answers(running: Hub, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(URLError, ConnectionError), urlopen(running.url + "hub/api/", timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError(f"JupyterHub does not answer:\n{running.log()}")


def _end(process: "subprocess.Popen[bytes]", mark: str) -> None:
    """Close the lifeline and wait; kill any process that is left, and fail if there was one."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    until = time.monotonic() + _STOP_SECONDS
    while (left := marked(mark)) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in left:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).kill()
    process.wait()
    assert not left, f"left behind by JupyterHub, and killed: {left}"


def refused(error: HTTPError) -> bool:
    """Whether a request was understood and forbidden; closes the answer."""
    error.close()
    return error.code == 403


def _end_with_owner() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)  # the hub stops the users' servers and the proxy at that


if __name__ == "__main__":
    from jupyterhub.app import main

    threading.Thread(target=_end_with_owner, daemon=True).start()
    main()
