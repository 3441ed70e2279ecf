"""`iomux.load(..., client=..., allow=...)` from Dask workers in hosts of our own, behind links of different delays."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import iomux
from tests.support.networks import skip_without_network

pytest.importorskip("distributed", reason="no load from hosts without its extra: pip install -e '.[cluster]'")
TRIPS_MS = (20, 80, 200)
"""The round trips from the hosts of the workers to the server's: so far apart that no late wake-up bridges them."""
DASK = f"{sys.executable} -m dask"
OPTIONS = "--no-dashboard --host"


class Far(NamedTuple):
    """A cluster whose scheduler is in the server's host, and each worker in one of its own."""

    home: Any
    scheduler: str
    target: tuple[str, int]
    allow: str


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """The workers are servers to us: each is a command that listens at its host's address."""
    skip_without_network()
    folder = tmp_path_factory.mktemp("far")
    with iomux.network(hosts=1 + len(TRIPS_MS)) as network, ExitStack() as stack:
        home, *hosts = network
        scheduler = stack.enter_context(home.start(f"{DASK} scheduler {OPTIONS} {home.address} --port {{port}}"))
        at = "tcp://{}:{}".format(*scheduler.address)
        for host, trip in zip(hosts, TRIPS_MS, strict=True):
            host.link.delay_ms = trip  # what the server's host sends comes at once
            stack.enter_context(host.start(worker(at, host.address, folder)))
        served = stack.enter_context(home.start("poll"))
        yield Far(home, at, served.address, f"{home.address.rpartition('.')[0]}.0/24")


def worker(scheduler: str, address: str, folder: Path) -> str:
    here = f"{OPTIONS} {address} --worker-port {{port}} --local-directory {folder}"
    return f"{DASK} worker {scheduler} {here} --nthreads 1 --no-nanny"


def load(far: Far, asked: dict[str, Any]) -> iomux.LoadResult:
    """A load that is asked for in the scheduler's host: from this machine's own network nobody reaches it."""
    from distributed import Client

    with Client(far.scheduler, set_as_default=False) as client:
        client.wait_for_workers(len(TRIPS_MS), timeout=60)
        return iomux.load(far.target, **asked, client=client)


def test_the_merged_distribution_has_a_hump_for_each_distance(far: Far) -> None:
    asked = {"connections": 30, "rate": 150.0, "seed": 7, "duration": 3.0, "deadline": 10, "allow": [far.allow]}
    result: iomux.LoadResult = far.home.run(load, far._replace(home=None), asked, seconds=120)
    assert (result.errors, result.unserved, len(result.hosts)) == ({}, 0, len(TRIPS_MS))
    ms = result.response_ns / 1e6
    ends = np.cumsum([host.requests for host in result.hosts])
    for trip, own in zip(TRIPS_MS, np.split(ms, ends[:-1]), strict=True):
        assert own.min() >= trip, "nothing comes sooner than its link lets it"
    humps = np.histogram(ms, bins=[*TRIPS_MS, 10_000])[0]
    assert humps.sum() == result.requests
    assert np.allclose(humps, [host.requests for host in result.hosts], rtol=0.1), "few are late by as much"
    assert np.allclose(humps, result.requests / len(TRIPS_MS), rtol=0.3), "one plan, dealt to three"
    assert all(np.diff([host.p50_us for host in result.hosts]) > 30_000)


def test_a_server_in_another_network_has_to_be_allowed(far: Far) -> None:
    asked = {"connections": 3, "duration": 0.1}
    for allow in ([], ["198.51.100.0/24"]):
        with pytest.raises(RuntimeError, match="is not a loopback address"):
            far.home.run(load, far._replace(home=None), {**asked, "allow": allow}, seconds=60)
