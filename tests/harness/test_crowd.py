"""Very many connections: how many fit, whose the memory is, and all of them opened, counted and closed."""

import itertools
import json
import resource
from pathlib import Path

import pytest

from iomux.harness import room as rooms
from iomux.harness import who_pays
from iomux.harness.crowd import crowd
from iomux.harness.room import available_bytes, room
from iomux.harness.who_pays import MemoryReading, memory
from iomux.servers import get
from tests.record import MILLION_RECORDED, record_million
from tests.support.processes import children

MANY = 30_000


def test_what_fits_is_planned_as_it_was_asked_for() -> None:
    found = room(500)
    assert (found.connections, found.processes) == (500, 1)
    assert found.words.startswith("500 connections need ")


def test_a_small_machine_gets_fewer_and_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "available_bytes", lambda: 1_000_000_000)
    found = room(100_000)
    assert 10_000 < found.connections < 50_000
    assert found.words.startswith("100,000 connections are too many for 50% of the 1.0 GB of memory")
    assert room(100_000, memory_share=1.0).connections > found.connections
    monkeypatch.setattr(rooms, "available_bytes", lambda: 0)
    assert room(100_000).connections == 1


def test_few_descriptors_take_more_processes_and_at_last_fewer_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "available_bytes", lambda: 1 << 50)
    monkeypatch.setattr(rooms, "_descriptors", lambda: 1064)
    assert room(9_300).processes == 10
    assert "descriptors (ulimit -Hn)" in room(10**9).words
    assert room(10**9).processes == 256


@pytest.mark.parametrize("wanted", [0, -5, 1.5, "many", True])
def test_what_is_no_number_of_connections_is_refused(wanted: object) -> None:
    with pytest.raises(ValueError, match="wanted is "):
        room(wanted)  # type: ignore[arg-type]


def test_a_share_of_the_memory_is_above_0_and_at_most_1() -> None:
    with pytest.raises(ValueError, match="memory_share is 2: choose above 0"):
        room(1, memory_share=2)


def test_the_bound_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    group = tmp_path / "group" / "inner"
    group.mkdir(parents=True)
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable:    4000000 kB\n")
    (tmp_path / "self/cgroup").write_text("0::/inner\n")
    (tmp_path / "self/mountinfo").write_text(f"1 1 0:1 / {tmp_path}/group rw - cgroup2 cgroup rw\n")
    assert available_bytes(tmp_path) == 4_000_000 * 1024
    (group / "memory.max").write_text("300000000\n")
    (group / "memory.current").write_text("100000000\n")
    assert available_bytes(tmp_path) == 200_000_000
    (group / "memory.max").write_text("max\n")
    assert available_bytes(tmp_path) == 4_000_000 * 1024


def test_memory_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "meminfo").write_text("MemAvailable: 100 kB\nSlab: 7 kB\nAnonPages: 3 kB\n")
    (tmp_path / "net/sockstat").write_text("sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 5 mem 2\n")
    (tmp_path / "slabinfo").write_text(
        "slabinfo - version: 2.1\n# name <active_objs> ...\nTCP 158 234 2368 13 8 : tunables 0 0 0 : slabdata 18 18 0\n"
    )
    found = memory(tmp_path)
    assert (found.available, found.slab, found.sockets) == (102_400, 7168, 5)
    assert found.processes == {"AnonPages": 3072}
    page = found.buffers // 2
    assert found.caches == {"TCP": 8 * 18 * page}
    (tmp_path / "slabinfo").unlink()
    assert memory(tmp_path).caches == {}


def test_all_are_opened_counted_and_closed_by_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    get("epoll").load()
    before = children()
    monkeypatch.setattr(rooms, "_descriptors", lambda: 464)
    found = crowd(900, duration=0.2)
    assert found.room.processes == 3
    assert found.accepted == found.result.connections == 900
    assert found.result.errors == {}
    assert found.result.processes == 3
    assert found.result.requests > 0
    assert found.opening[-1][1] == 900
    assert "900 connections accepted in " in str(found)
    assert children() == before


def test_sockets_that_others_close_meanwhile_hide_none_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()

    def others_leave() -> MemoryReading:
        look = next(looks)
        return MemoryReading(10**9, look * 10**6, {}, {}, sockets=max(10**6 - look * 10**5, 0), buffers=0)

    monkeypatch.setattr(who_pays, "memory", others_leave)
    assert crowd(100, duration=2.0).shares["the kernel's caches"] >= 10**4


@pytest.mark.parametrize("name", ["io_uring", "uvloop"])
def test_a_server_whose_clients_nobody_counts_is_refused(name: str) -> None:
    if why := get(name).why_not():
        pytest.skip(why)
    with pytest.raises(ValueError, match=f"{name} accepts below Python, where nobody counts: choose 'epoll'"):
        crowd(10, server=name)


def test_thirty_thousand_where_the_limits_allow_it() -> None:
    """More than one process may open, and more than one source address has ports for."""
    if room(MANY).connections < MANY or resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 20_000:
        pytest.skip(f"not here: {room(MANY).words}; a process may open {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}")
    get("epoll").load()
    found = crowd(MANY, duration=0.3)
    assert found.accepted == MANY
    assert found.result.errors == {}
    assert found.result.unserved == 0
    assert sum(found.shares.values()) > 1_000, "bytes a connection: a socket alone has more"


def test_what_06b_shows_of_a_million_is_a_record_that_can_be_made_again(tmp_path: Path) -> None:
    get("epoll").load()
    record_million(tmp_path / "again.json", connections=200)
    again, stored = (json.loads(path.read_text()) for path in (tmp_path / "again.json", MILLION_RECORDED))
    assert again.keys() == stored.keys()
    assert again["row"].keys() == stored["row"].keys()
    assert (again["row"]["connections"], stored["row"]["connections"]) == (200, 1_000_000)
    assert stored["row"]["errors"] == again["row"]["errors"] == 0
    assert "python -m tests.record million" in stored["recorded"]
