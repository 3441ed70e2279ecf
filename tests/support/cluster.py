"""A Dask cluster: a scheduler, and workers that are hosts of their own by their addresses in 127.0.0.0/8."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clients import eventually


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    client: Any
    scheduler: str
    """Its address."""
    process: "subprocess.Popen[bytes]"
    """That of the scheduler."""
    workers: "list[subprocess.Popen[bytes]]"
    """Their processes, in the order of their hosts, from 127.0.0.1 on."""


@contextlib.contextmanager
def cluster(folder: Path, hosts: int, environments: Sequence[dict[str, str]] = ()) -> Iterator[Cluster]:
    """A scheduler and a worker on each of some hosts, in processes of their own; on leaving, all have ended.

    environments: what each worker has in its environment, in addition to ours.
    """
    from distributed import Client

    file = folder / "scheduler.json"
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "cluster.log").open("wb"))
        start = ["scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard", f"--scheduler-file={file}"]
        scheduler = stack.enter_context(_process(start, log, {}))
        assert eventually(lambda: file.exists() and file.read_text().endswith("}"))
        workers = [
            stack.enter_context(_process(_worker(number, file, folder), log, dict(environment)))
            for number, environment in enumerate([*environments, *[{}] * hosts][:hosts], 1)
        ]
        address = json.loads(file.read_text())["address"]
        client = stack.enter_context(Client(address, set_as_default=False))
        client.wait_for_workers(hosts, timeout=60)
        yield Cluster(client, address, scheduler, workers)


def _worker(number: int, file: Path, folder: Path) -> list[str]:
    where = [f"--host=127.0.0.{number}", f"--scheduler-file={file}", f"--local-directory={folder}"]
    return ["worker", *where, "--nthreads=1", "--no-nanny", "--no-dashboard"]


@contextlib.contextmanager
def _process(words: list[str], log: Any, environment: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "dask", *words]
    folder = Path(log.name).parent  # not ours, in which the package's metadata lies
    with subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=os.environ | environment) as process:
        try:
            yield process
        finally:
            process.kill()
