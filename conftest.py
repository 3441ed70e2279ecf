"""pytest settings of the whole project: its plugins' options, a working SIGINT, and at most two notebooks at a time.

So the notebooks are spread among the tests: were they all at the end, only two workers would have something to do.
"""

import fcntl
import itertools
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

LOCK_FILES = tuple(Path(__file__).parent / "notebooks" / name for name in ("00_start_here.ipynb", "01_blocking.ipynb"))
"""A worker that runs a notebook locks one of these: notebooks measure, and on two cores a third one would disturb."""
_held: list[IO[bytes]] = []
collect_ignore = ["notebooks/zh"]  # the code of the English pages once more


@pytest.hookimpl(tryfirst=True)  # before xdist's own, which turns the number of workers into workers
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run notebooks, on five workers: tests often wait. In pyproject.toml these would be errors without the plugins.

    A submission is marked in a clone, too, where pytest may be alone (`pytest --pyargs iomux...`).
    """
    option = config.option
    if option.pyargs:
        return
    if config.pluginmanager.has_plugin("timeout") and option.timeout is None:
        option.timeout = 600  # against a test that hangs; on a busy machine an honest one takes minutes
    if config.pluginmanager.has_plugin("nbval"):
        option.nbval = option.nbval_current_env = True
        option.nbval_cell_timeout = 300
    if config.pluginmanager.has_plugin("xdist") and not hasattr(config, "workerinput"):
        option.numprocesses = 5 if option.numprocesses is None else option.numprocesses
        option.dist = "loadfile" if option.dist == "no" else option.dist
        option.loadscopereorder = False  # the order below, which spreads the notebooks


def pytest_configure(config: pytest.Config) -> None:
    """Set nbval's rules; on the command line their path would depend on the folder in which pytest is started."""
    if config.pluginmanager.has_plugin("nbval"):
        _keep_kernels_off_the_network(config)
    config.option.nbval_sanitize_with = str(Path(__file__).parent / "tests" / "nbval.cfg")
    # Started in the background of a script, pytest ignores SIGINT, and so would every process that a test interrupts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _keep_kernels_off_the_network(config: pytest.Config) -> None:
    """Let nbval speak to its kernels through files: a free port that Jupyter has found may soon be a server's.

    It looks for five of them, and the kernel binds them seconds later on a busy machine, where other tests start
    thousands of servers: the client then spoke to a chat room.
    """
    from nbval import kernel  # here, since a submission is marked without it

    folder, numbers = Path(tempfile.mkdtemp(prefix="iomux-k-")), itertools.count()
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    manager = kernel.KernelManager
    kernel.KernelManager = lambda **options: manager(transport="ipc", ip=str(folder / str(next(numbers))), **options)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the notebooks among the other files, at even distances; each file stays in one piece.

    Those directly in `tests` come first: the longest of them, alone at the end, left a core idle for a minute.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    notebooks = [path for path in files if path.suffix == ".ipynb"]
    others = sorted((path for path in files if path.suffix != ".ipynb"), key=lambda path: len(path.parts))
    places = {path: len(others) * number // len(notebooks) for number, path in enumerate(notebooks)}
    places |= {path: number for number, path in enumerate(others)}
    items[:] = [item for path in sorted(files, key=lambda path: places[path]) for item in files[path]]


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-timeout, which must not count the wait
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """At most two workers run a notebook at the same time: each holds a lock for the cells of its notebook."""
    if item.path.suffix == ".ipynb" and not _held:
        _held.append(_lock())
    try:
        return (yield)
    finally:
        if _held and (nextitem is None or nextitem.path != item.path):
            _held.pop().close()


def _lock() -> IO[bytes]:
    while True:
        for path in LOCK_FILES:
            file = path.open("rb")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                return file
        time.sleep(0.1)
