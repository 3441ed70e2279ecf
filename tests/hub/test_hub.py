"""Two users of one JupyterHub work at once: neither is in the other's way, and each page says what it cannot tell.

Without JupyterHub or its proxy the tests are skipped, and the summary says what to install; with IOMUX_HUB=required
(as in .ci/run) they fail.
"""

import contextlib
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psutil
import pytest

from iomux.system.machine import cores
from tests.hub.running import DESCRIPTORS, NARROW, ROOT, Hub, configuration, hub, refused
from tests.support.required import do_without

USERS = ("ada", NARROW)
NOTEBOOK, LONGER = "notebooks/04_select.ipynb", "notebooks/07_latency_against_concurrency.ipynb"
_INSTALL = "`.venv/bin/pip install -e '.[lab,hub]'` and `npm install -g configurable-http-proxy`"
_LOAD = "import iomux\nfor doubt in iomux.load('epoll', connections=20, duration=2).doubts: print(doubt)"


_do_without = partial(do_without, install=_INSTALL, variable="IOMUX_HUB")


@pytest.fixture(scope="module")
def proxy() -> str:
    """The path of the proxy, where everything is there that a hub needs."""
    for module in ("jupyterhub", "jupyterlab", "websocket"):
        if find_spec(module) is None:
            _do_without(module)
    for program in ("taskset", "prlimit"):
        if shutil.which(program) is None:
            _do_without(f"{program} of util-linux")
    return shutil.which("configurable-http-proxy") or _do_without("configurable-http-proxy")


@pytest.fixture(scope="module")
def tokens() -> dict[str, str]:
    """The users' tokens, once they have logged in."""
    return {}


@pytest.fixture(scope="module")
def running(proxy: str, tokens: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with the documented configuration, and a server for each user, in whose home the notebooks are."""
    folder = tmp_path_factory.mktemp("hub")
    for user in USERS:
        (folder / user / "notebooks").mkdir(parents=True)
        for page in (NOTEBOOK, LONGER):
            shutil.copy(ROOT / page, folder / user / "notebooks")
    with hub(folder, proxy, configuration()) as started:
        tokens.update({user: started.log_in(user) for user in USERS})
        at_once(lambda user: started.spawn(user, tokens[user]))
        yield started


@pytest.fixture
def kernels(running: Hub, tokens: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A kernel for each user."""
    from tests.hub.kernel import kernel

    with contextlib.ExitStack() as stack:
        yield {user: stack.enter_context(kernel(running, user, tokens[user], NOTEBOOK)) for user in USERS}


def at_once(do: Callable[[str], Any]) -> dict[str, Any]:
    """Do the same for all users at the same time."""
    with ThreadPoolExecutor(len(USERS)) as pool:
        return dict(zip(USERS, pool.map(do, USERS), strict=True))


def test_without_the_readmes_line_nobody_is_let_in(proxy: str, tmp_path: Path) -> None:
    lines = configuration().splitlines()
    without = "\n".join(line for line in lines if "allow_all" not in line)
    assert without != "\n".join(lines)
    with hub(tmp_path, proxy, without) as started, pytest.raises(HTTPError) as error:
        started.log_in("ada")
    assert refused(error.value)
    assert "hub/login" in error.value.url, "it is the login that is refused"


@pytest.mark.timeout(1_800)  # 07 takes two minutes for each, and eight on a machine that is busy
@pytest.mark.parametrize("page", [NOTEBOOK, LONGER], ids=["04", "07"])
def test_both_run_the_same_notebook_at_once(kernels: dict[str, Any], running: Hub, page: str) -> None:
    said = at_once(lambda user: kernels[user].run_notebook(running.folder / user / page))
    for user in USERS:
        verdicts = re.findall(r"^.+: (True|False|not .+ here) *", said[user], re.MULTILINE)
        assert len(verdicts) > 15, said[user]
        assert "False" not in verdicts, f"{user}: {said[user]}"
    assert f"({DESCRIPTORS:,})" not in said["ada"]
    # Her process may not open so many connections: what needs them is left out, and the page says why.
    assert re.search(r"^\w+ is left out: ", said[NARROW], re.MULTILINE)
    assert re.search(rf"not tried here \([\d,]+ connections need more .*\({DESCRIPTORS:,}\)", said[NARROW])


def test_the_figures_of_both_carry_the_doubt_that_cores_were_shared(kernels: dict[str, Any]) -> None:
    together = threading.Barrier(len(USERS), timeout=60)

    def measure(user: str) -> str:
        kernels[user].run("import iomux, pandas")
        together.wait()
        return str(kernels[user].run(_LOAD))

    said = at_once(measure)
    assert re.search(r"other programs used \d+ % of the (server's core|core of both)", said["ada"]), said
    assert re.search(r"server and load generator shared core \d+", said[NARROW]), said


def test_neither_sees_the_servers_of_the_other(kernels: dict[str, Any]) -> None:
    start = "import iomux, psutil\nserver = iomux.start('poll')\nprint(*server.address, server.pid)"
    places = at_once(lambda user: kernels[user].run(start).split())
    assert places["ada"][1] != places[NARROW][1]
    below = "print(*(child.pid for child in psutil.Process().children(recursive=True)))"
    seen = at_once(lambda user: kernels[user].run(below).split())
    owner = "from iomux.processes.server import running_server\nprint(running_server(('127.0.0.1', {})))"
    for user, other in (USERS, USERS[::-1]):
        assert places[user][2] in seen[user]
        assert places[other][2] not in seen[user]
        assert kernels[user].run(owner.format(places[user][1])).startswith("<poll server")
        assert kernels[user].run(owner.format(places[other][1])) == "None\n"


def test_nobody_gets_at_anothers_notebooks_or_kernels(running: Hub, tokens: dict[str, str]) -> None:
    for user, other in (USERS, USERS[::-1]):
        for path in ("api/contents", "api/kernels"):
            running.ask(f"user/{user}/{path}", tokens[user])
            with pytest.raises(HTTPError) as error:
                running.ask(f"user/{other}/{path}", tokens[user])
            assert refused(error.value)


def test_what_a_limit_forbids_is_said_in_a_sentence(kernels: dict[str, Any]) -> None:
    ask = "try: iomux.load('epoll', connections=10_000)\nexcept ValueError as error: print(error)"
    said = kernels[NARROW].run("import iomux\n" + ask)
    assert f"10,000 connections need more descriptors than a process may open here ({DESCRIPTORS:,})" in said
    facts = kernels[NARROW].run("print(iomux.doctor().attrs['cores'])")
    assert facts == f"{cores()[:1]}\n"


def test_a_server_ends_with_its_users_and_no_other(running: Hub, tokens: dict[str, str]) -> None:
    from tests.hub.kernel import kernel

    start = "import iomux\nserver = iomux.start('poll')\nprint(server.pid)"
    with kernel(running, "ada", tokens["ada"], NOTEBOOK) as hers:
        own = int(hers.run(start))
        with contextlib.suppress(HTTPError), kernel(running, NARROW, tokens[NARROW], NOTEBOOK) as theirs:
            other = psutil.Process(int(theirs.run(start)))
            running.end(NARROW, tokens[NARROW])  # so that her session can't be ended any more
        other.wait(30)
        assert psutil.pid_exists(own)
        assert hers.run("print(iomux.load(server, duration=0.1).errors)") == "{}\n"
