"""Each echo server on somebody else's loop is correct, is seen to wait in epoll, and a wrong one is caught.

What this machine lacks is skipped, with the reason. IOMUX_LOOPS names those that must be there, as in .ci/run
(IOMUX_LOOPS=libevent,Go,Node): without one of them its tests fail.
"""

import functools
import os
import shlex
from pathlib import Path

import pytest

import iomux
from iomux.course import loops
from iomux.course.loops.catalogue import LOOPS, SOURCES, Loop
from iomux.course.loops.recorded import load_record
from iomux.course.strace import why_not
from iomux.figures.look.mechanisms import LOOPS as LOOPS_STYLES
from iomux.figures.look.mechanisms import OTHERS, STYLES
from tests.loops.traced import calls_per_request

REQUIRED = {name.strip() for name in os.environ.get("IOMUX_LOOPS", "").split(",") if name.strip()}
ITEMS = ["echoes", "half-close", "mid-reset", "back-pressure", "flood", "descriptor-limit"]
"""What a program has to do itself: short sends, both ends of a stream, resets, back-pressure, fairness, the limit."""
TORNADO_SPINS = "tornado.netutil.add_accept_handler goes on watching the listener when accept fails"
TORNADO_LOSES = {"half-close"}
"""By chance: tornado.iostream reads ahead, and closes at the end of a stream even if a write is still under way."""
RECORD = Path(__file__).parents[2] / "notebooks" / "recorded_loops.json"
by_name = pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.name)


def test_what_is_required_is_known() -> None:
    assert {loop.name for loop in LOOPS} >= REQUIRED


def built(loop: Loop, folder: Path) -> str:
    try:
        return loops.build(loop, folder)
    except LookupError as reason:
        if loop.name in REQUIRED:
            pytest.fail(f"IOMUX_LOOPS requires {loop.name}, but {reason}", pytrace=False)
        pytest.skip(f"{loop.name} is left out: {reason}")


@functools.cache
def hidden() -> bool:
    """Whether the kernel hides where threads sleep."""
    return not loops.waits_in_epoll(loops.asleep_of("epoll"))


@by_name
def test_it_is_correct_and_waits_in_epoll(loop: Loop, tmp_path: Path) -> None:
    line = built(loop, tmp_path)
    report = iomux.check(line, only=ITEMS, progress=False)
    unseen = {result.name for result in report.results if result.by_machine}
    failed = {result.name for result in report.results if result.status != "passed"} - unseen
    by_chance = TORNADO_LOSES if loop.name == "Tornado" else set()
    due = {"descriptor-limit"} if loop.name == "Tornado" else set()
    assert failed - by_chance == due - unseen, f"{report}\n{TORNADO_SPINS}"
    asleep = loops.asleep_of(line)
    assert loops.waits_in_epoll(asleep) or hidden(), asleep


@by_name
def test_it_is_started_from_a_folder_with_a_blank_in_its_name(loop: Loop, tmp_path: Path) -> None:
    line = loop.line(loop.run, tmp_path / "a folder")
    assert "{port}" in line
    assert all(" " not in word or "a folder" in word for word in shlex.split(line))


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize("name", ["libevent", "Go", "Node"])
def test_strace_sees_it_ask_epoll(name: str, tmp_path: Path) -> None:
    line = built(next(loop for loop in LOOPS if loop.name == name), tmp_path)
    calls = calls_per_request(line)
    assert {"epoll_wait", "epoll_pwait", "epoll_pwait2"} & set(calls), calls
    assert not {"poll", "ppoll", "select", "pselect6", "io_uring_enter"} & set(calls), calls


@pytest.mark.parametrize("server", ["poll", "select", "threaded"])
def test_another_wait_is_not_taken_for_epoll(server: str) -> None:
    asleep = loops.asleep_of(server)
    assert not loops.waits_in_epoll(asleep), asleep


def test_one_thread_in_epoll_does_not_excuse_another_one_elsewhere() -> None:
    assert loops.waits_in_epoll({"ep_poll": 2, "futex_do_wait": 9, "hrtimer_nanosleep": 1})
    assert not loops.waits_in_epoll({"ep_poll": 1, "wait_woken": 20})
    assert not loops.waits_in_epoll({"futex_do_wait": 3})
    assert not loops.waits_in_epoll({"not asleep": 1}), "the kernel hides it"


def test_a_program_without_back_pressure_fails(tmp_path: Path) -> None:
    node = next(loop for loop in LOOPS if loop.name == "Node")
    built(node, tmp_path)
    right = (SOURCES / node.source).read_text()
    wrong = right.replace("client.pipe(client)", 'client.on("data", (data) => client.write(data))')
    assert wrong != right
    file = tmp_path / "wrong.mjs"
    file.write_text(wrong)
    report = iomux.check(f"node {shlex.quote(str(file))} {{port}}", only=["echoes", "back-pressure"], progress=False)
    assert {result.name: result.status for result in report.results} == {"echoes": "passed", "back-pressure": "failed"}


def test_what_can_not_be_built_is_left_out_and_said(tmp_path: Path) -> None:
    broken = LOOPS[0]._replace(build="sh -c 'echo no such header >&2; exit 1'")
    with pytest.raises(LookupError, match=r"no such header.*libevent-dev"):
        loops.build(broken, tmp_path)
    assert "there is no program 'nobody'" in broken._replace(build="nobody").why_not()
    assert "not installed" in LOOPS[0]._replace(module="nobody_has_this").why_not()


def test_loops_can_be_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", ",".join(loop.name for loop in LOOPS))
    assert loops.programs(tmp_path) == {}
    assert capsys.readouterr().out.count("is left out: hidden") == len(LOOPS)
    assert list(tmp_path.iterdir()) == []


def test_each_has_a_style_of_its_own() -> None:
    assert list(LOOPS_STYLES) == [loop.name for loop in LOOPS]
    named = [*STYLES.values(), *LOOPS_STYLES.values()]
    assert len({style.marker for style in named}) == len(named)
    assert len({style.color for style in [*named, *OTHERS]}) == len(named) + len(OTHERS)


def test_the_record_is_complete_and_says_that_it_is_one() -> None:
    record = load_record(RECORD)
    names = {"epoll", "uvloop", *(loop.name for loop in LOOPS)}
    assert names == set(record.asleep) == set(record.calls) == set(record.frame(100)["server"]) == set(record.versions)
    assert all(loops.waits_in_epoll(asleep) for asleep in record.asleep.values())
    assert record.frame(1).attrs["machine"].startswith("RECORDED on ")
    assert not record.frame()["p50_us"].isna().any()


def test_the_records_figure_says_which_of_its_runs_are_in_doubt() -> None:
    runs = load_record(RECORD).frame(100)
    doubtful = int((runs["doubts"].fillna("") != "").sum())
    assert doubtful, "mio's server could do more than the load generator"
    assert f"in doubt: {doubtful} of {len(runs)} runs (" in iomux.plot.caption(iomux.plot.work(runs))


def test_a_file_without_a_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="holds no record"):
        load_record(tmp_path / "x.json")
