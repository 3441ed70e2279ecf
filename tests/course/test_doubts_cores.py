"""06b says why a run cannot tell: no second core, a busy one, a worker that does not sleep, too few connections."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.course.falsifiers.pages import page_06b as page
from tests.course.falsifiers.world import World, said

CORES = ("crowds", "ended", "full", "pays", "shares", "threads", "work")
"""Those of its verdicts that have a doubt."""


def told(cell: str, words: str, names: dict[str, Any], before: tuple[str, ...] = ()) -> bool | None:
    """What the verdict says with these names."""
    return said(page.PAGE, World("", cell, {}, lambda: names, before))[words]


def test_without_a_second_core_two_workers_are_not_judged() -> None:
    alone = page.worked(by_hash=2_400, apart=2_500)()
    assert told("cores-work-verdict", page.TWICE, alone, page.DOUBT) is None
    at_times = page.worked(by_hash=2_400)()
    rows = at_times["work"].query("server == 'two servers apart' and round == 0").index
    at_times["work"].loc[rows, "per_s"] = 2_500
    assert told("cores-work-verdict", page.TWICE, at_times, page.DOUBT) is None, "or one round decides for all"
    assert told("cores-work-verdict", page.TWICE, page.worked()(), page.DOUBT) is True


def test_where_both_workers_have_connections_the_full_one_is_not_judged() -> None:
    mixed = page.worked(woken=4_300)()
    mixed["work"].loc[mixed["work"]["server"] == "two, one is woken", "most"] = 9
    assert told("cores-full-verdict", page.FULL, mixed) is None


def test_workers_that_never_sleep_tell_nothing_of_who_is_woken() -> None:
    assert told("cores-shares-verdict", page.SAME, page.got(woken=50)() | {"tired": [True] * 50}) is None


@pytest.mark.parametrize(("scale", "answer"), [(0.5, None), (1.0, False)])
def test_threads_are_not_judged_where_one_worker_has_no_core_of_its_own(scale: float, answer: bool | None) -> None:
    names = page.worked(threads=4_300)()
    names["rate"] *= scale
    assert told("cores-threads-verdict", page.THREADS, names) is answer


def test_a_disturbed_run_tells_nothing_of_the_latency_among_many() -> None:
    names = page.crowds(among_us=5_000)()
    names["last"].result.disturbed = True
    assert told("cores-crowds-verdict", page.AMONG, names) is None
    assert told("cores-crowds-verdict", page.ACCEPTED, names) is True


def test_few_connections_tell_nothing_of_who_pays() -> None:
    names = page.crowds(kernel=2_000, accepted=10_000)()
    assert told("cores-pays-verdict", page.KERNEL, names, page.PAYS) is None


def test_a_kernel_that_moves_a_queue_is_not_judged() -> None:
    """tcp_migrate_req (ip-sysctl.rst) gives those who wait to another listener with SO_REUSEPORT."""
    on = SimpleNamespace(exists=lambda: True, read_text=lambda: "1\n")
    assert told("cores-ended-verdict", page.RESET, page.met(lost=0)() | {"Path": lambda _: on}) is None
