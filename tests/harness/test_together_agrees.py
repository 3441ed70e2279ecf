"""One load has the same percentiles from several processes as from one.

The times are the server's own, 20 ms or 100 ms a request, and a multiple of what a busy machine adds; each percentile
is the median of runs that take turns. How near they are on a quiet machine, `tests.benchmarks together` measures.
"""

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

import iomux

ACTIVE, TURNS, TRIES = 40, 3, 3
SHORT_S, LONG_S, LONG_SHARE = 0.02, 0.1, 0.2
SHARES = (0.1, 0.5, 0.9, 0.99)
Samples = NDArray[np.int64]


def waits(listener: socket.socket) -> None:
    """Answer after a while, one request in five after a longer one."""
    draw = random.Random(21)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await asyncio.sleep(LONG_S if draw.random() < LONG_SHARE else SHORT_S)
            writer.write(data)
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(serve, sock=listener) as server:
            await server.serve_forever()

    asyncio.run(run())


def percentiles(runs: Sequence[Samples]) -> list[float]:
    """The median of the runs, for each of SHARES."""
    return [median(float(np.quantile(run, share)) for run in runs) for share in SHARES]


def agree(some: Sequence[Samples], others: Sequence[Samples]) -> bool:
    """Whether no percentile of the one is more than half as long again as that of the other."""
    pairs = zip(percentiles(some), percentiles(others), strict=True)
    return all(2 / 3 < one / other < 3 / 2 for one, other in pairs)


def falsified(runs: Sequence[Samples], change: Callable[[Samples], Samples]) -> list[Samples]:
    """Those runs as a merge would have them that does something to each."""
    return [change(np.sort(run)) for run in runs]


def test_merged_samples_have_the_percentiles_of_one_process() -> None:
    with iomux.start(waits) as server:
        for _ in range(TRIES):
            one, several = _taking_turns(server)
            if agreed := agree(one, several):
                break
    assert agreed, (percentiles(one), percentiles(several))
    assert all(len(run) > 100 for run in (*one, *several))
    assert not agree(one, falsified(several, lambda run: run[: 7 * len(run) // 10])), "the slowest are lost"
    assert not agree(one, falsified(several, lambda run: run[2 * len(run) // 3 :])), "only a slow part is there"
    assert not agree(one, falsified(several, lambda run: 2 * run)), "each waited for another generator"
    assert not agree(one, falsified(several, lambda run: np.full(len(run), run.mean()))), "means were joined"


def _taking_turns(server: iomux.Server) -> tuple[list[Samples], list[Samples]]:
    one: list[Samples] = []
    several: list[Samples] = []
    for _ in range(TURNS):
        for runs, processes in ((one, 1), (several, 3)):
            result = iomux.load(server, ACTIVE, duration=1.2, processes=processes)
            assert result.errors == {}
            runs.append(result.response_ns)
    return one, several
