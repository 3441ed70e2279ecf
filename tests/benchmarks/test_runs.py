"""What speaks against the runs of a benchmark stands below its figures, and a disturbed run is repeated."""

import dataclasses
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import pytest

import iomux
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import peers
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Line
from tests.c.programs import compiler


def brief(disturbed: bool) -> iomux.LoadResult:
    """A run with too few requests, whatever the machine does; and disturbed, or not."""
    with iomux.start("poll") as server:
        result = iomux.load(server, duration=0.2, warmup=0, rate=20, arrivals="even")
    return dataclasses.replace(result, disturbed=disturbed)


def test_what_speaks_against_a_run_is_said_with_how_many_they_are() -> None:
    runs = Runs(8)
    for _ in range(2):
        assert runs.of("poll", partial(brief, disturbed=False)).requests == 4
    runs.note("poll", ())
    runs.note("epoll", ())
    (line,) = runs.doubts("poll", "epoll", "never run")
    assert line.startswith("    poll: in doubt: 2 of 3 runs (")
    assert line in list(runs.doubts())


def test_a_disturbed_run_is_repeated_once_and_in_all_as_often_as_every_fourth() -> None:
    runs, made = Runs(4), list[bool]()

    def disturbed() -> iomux.LoadResult:
        made.append(True)
        return brief(disturbed=True)

    runs.of("first", disturbed)
    runs.of("second", disturbed)
    assert len(made) == 3
    first, second = runs.doubts()
    assert first.endswith("; 1 disturbed run was dropped and repeated")
    assert "in doubt: 1 of 1 runs" in second
    assert "repeated" not in second


@pytest.mark.parametrize(
    ("benchmark", "module", "name"), [(peers.cpu, peers, "c_load"), (benchmarks.generator, iomux, "load")]
)
def test_the_benchmark_tells_the_doubts_of_its_runs(
    benchmark: Callable[[int], Any], module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiler():
        pytest.skip("no C compiler")
    load = getattr(module, name)

    def in_doubt(*arguments: Any, **options: Any) -> iomux.LoadResult:
        result: iomux.LoadResult = load(*arguments, **options | {"duration": 0.02, "warmup": 0.0})
        return dataclasses.replace(result, doubts=("it was late",), disturbed=False)

    monkeypatch.setattr(module, name, in_doubt)
    lines: list[Line] = list(benchmark(1))
    said = [line for line in lines if isinstance(line, str) and "in doubt: 1 of 1 runs (it was late)" in line]
    assert len(said) >= 2, "of each thing that was loaded"
