"""Readings of what disturbs a run, from files as kernels write them: /proc, /sys and cgroups of both versions."""

import os
from pathlib import Path

import pytest

from iomux.system.disturbance.cgroups import Throttled, folders, throttled
from iomux.system.disturbance.pressure import lately, waited_s
from iomux.system.disturbance.processors import core_times, frequency_mhz, numbers, siblings
from iomux.system.disturbance.readings import Readings, between, only_core, read
from iomux.system.disturbance.stillness import Span, Stillness

STAT = """cpu  300 20 100 900 10 0 5 40 0 0
cpu0 100 10 50 400 5 0 3 10 0 0
cpu12 200 10 50 500 5 0 2 30 0 0
intr 12345 1 2 3
"""
MOUNTS = """22 1 0:20 / /proc rw - proc proc rw
30 22 0:25 / {v1} rw,relatime - cgroup cgroup rw,cpu,cpuacct
31 22 0:26 / {memory} rw,relatime - cgroup cgroup rw,memory
32 22 0:27 {root} {v2} rw,relatime - cgroup2 cgroup2 rw
"""


def test_the_time_of_each_core(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT)
    tick = os.sysconf("SC_CLK_TCK")
    found = core_times(tmp_path / "stat")
    assert list(found) == [0, 12], "a line for each core, and none for their sum"
    assert found[12].busy == pytest.approx(260 / tick)
    assert found[12].stolen == pytest.approx(30 / tick)
    assert found[12].since(found[0]).stolen == pytest.approx(20 / tick)


def test_a_system_without_these_files_says_nothing(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert core_times(nowhere) == {}
    assert waited_s(nowhere) is None
    assert siblings(3, nowhere) == {3}
    assert frequency_mhz(3, nowhere) is None
    assert throttled(os.getpid(), nowhere) == Throttled(0, 0.0)


def test_siblings_and_frequency(tmp_path: Path) -> None:
    for folder in ("topology", "cpufreq"):
        (tmp_path / "cpu2" / folder).mkdir(parents=True)
    (tmp_path / "cpu2" / "topology" / "thread_siblings_list").write_text("2,18-19\n")
    (tmp_path / "cpu2" / "cpufreq" / "scaling_cur_freq").write_text("3400123\n")
    assert siblings(2, tmp_path) == {2, 18, 19}
    assert frequency_mhz(2, tmp_path) == pytest.approx(3400.123)
    assert numbers("\n") == set()


def test_pressure(tmp_path: Path) -> None:
    (tmp_path / "cpu").write_text("some avg10=1.53 avg60=1.00 avg300=0.20 total=2500000\nfull avg10=0 total=7\n")
    assert waited_s(tmp_path / "cpu") == 2.5
    assert lately(tmp_path / "cpu") == pytest.approx(0.0153)
    (tmp_path / "cpu").write_text("")
    assert waited_s(tmp_path / "cpu") is None, "switched off"
    assert lately(tmp_path / "cpu") == 0.0


def machine(tmp_path: Path, groups: str, root: str = "/") -> Path:
    """A /proc of one process with id 7, and two hierarchies of cgroups below `tmp_path`."""
    proc, places = tmp_path / "proc", {name: tmp_path / name for name in ("v1", "memory", "v2")}
    for folder in (proc / "7", proc / "self"):
        folder.mkdir(parents=True)
    (proc / "7" / "cgroup").write_text(groups)
    (proc / "self" / "mountinfo").write_text(MOUNTS.format(**places, root=root))
    return proc


def test_a_quota_of_version_2_may_be_that_of_a_group_above(tmp_path: Path) -> None:
    proc = machine(tmp_path, "0::/slice/box\n")
    (tmp_path / "v2" / "slice" / "box").mkdir(parents=True)
    (tmp_path / "v2" / "slice" / "box" / "cpu.stat").write_text("usage_usec 5\nnr_throttled 0\nthrottled_usec 0\n")
    (tmp_path / "v2" / "slice" / "cpu.stat").write_text("usage_usec 5\nnr_throttled 3\nthrottled_usec 250000\n")
    assert throttled(7, proc) == Throttled(3, 0.25)


def test_a_quota_of_version_1_is_in_the_hierarchy_of_the_processor(tmp_path: Path) -> None:
    proc = machine(tmp_path, "4:memory:/box\n3:cpu,cpuacct:/box\n0::/\n")
    (tmp_path / "v1" / "box").mkdir(parents=True)
    (tmp_path / "v1" / "box" / "cpu.stat").write_text("nr_periods 9\nnr_throttled 4\nthrottled_time 1500000000\n")
    assert throttled(7, proc) == Throttled(4, 1.5)
    assert throttled(7, proc).since(Throttled(1, 0.5)) == Throttled(3, 1.0)


def test_a_container_sees_its_own_group_as_the_top() -> None:
    mounts = MOUNTS.format(v1="/v1", memory="/m", v2="/sys/fs/cgroup", root="/docker/abc")
    assert folders("0::/docker/abc/inner\n", mounts) == [Path("/sys/fs/cgroup/inner"), Path("/sys/fs/cgroup")]
    assert folders("0::/elsewhere\n", mounts) == [Path("/sys/fs/cgroup")]


def test_this_machine_can_be_read() -> None:
    before = read([os.getpid()], [0])
    found = between(before, read([os.getpid()], [0]))
    assert found.seconds > 0
    assert all(time.busy >= 0 and time.stolen >= 0 for time in found.cores.values())
    assert found.throttled[0].times >= 0


def test_what_one_reading_lacks_is_in_no_difference() -> None:
    nothing, something = Readings(1.0, {}, None, (), {}), Readings(2.0, core_times(), 1.0, (), {0: 1000.0})
    found = between(nothing, something)
    assert (found.cores, found.waited_share, found.mhz) == ({}, None, {})


def test_a_process_that_is_gone_is_pinned_to_no_core() -> None:
    assert only_core(2**22 + 1) is None


def test_a_silence_counts_but_for_the_time_in_which_the_generator_stood_still() -> None:
    still = Stillness(active=1, tick_seconds=0.02)
    ms = 1_000_000
    still.begin(0)
    still.turned(60 * ms)
    assert still.ours == [], "a tick, and a pause of the scheduler"
    still.turned(1060 * ms)
    still.no_reply(50 * ms, 40 * ms, 1100 * ms)
    assert still.ours == [Span(60 * ms, 1060 * ms)]
    assert still.longest_silence() is None
    still.ended(1100 * ms, [1200 * ms, 1150 * ms], 2000 * ms)
    assert still.longest_silence() == Span(1150 * ms, 2000 * ms)
    still.begin(3000 * ms)
    assert (still.ours, still.silent) == ([], [])
