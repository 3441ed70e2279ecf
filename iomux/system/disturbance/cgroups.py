"""How long a control group kept its processes from running: the quota of a container, in `cpu.stat`.

A group with a quota (`docker run --cpus 0.5`) may use so much time in each period, 0.1 s by default; then all of it
stands still until the next period begins. The quota may be that of a group above, so all are read, up to the mount.
Version 2 has `throttled_usec` (Documentation/admin-guide/cgroup-v2.rst), version 1 `throttled_time` in
nanoseconds (Documentation/scheduler/sched-bwc.rst). Cost of a reading: some 0.2 ms.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_PROC = Path("/proc")


class Throttled(NamedTuple):
    """How often the groups of a process were made to stand still, and for how long in all."""

    times: int
    seconds: float

    def since(self, earlier: "Throttled") -> "Throttled":
        """What came after `earlier`."""
        return Throttled(self.times - earlier.times, self.seconds - earlier.seconds)


def throttled(pid: int, proc: Path = _PROC) -> Throttled:
    """What the groups of process `pid` have lost so far; nothing where no group has a quota, or it can't be read."""
    try:
        groups, mounts = (proc / str(pid) / "cgroup").read_text(), (proc / "self" / "mountinfo").read_text()
    except OSError:
        return Throttled(0, 0.0)
    found = [_counted(folder / "cpu.stat") for folder in folders(groups, mounts)]
    return Throttled(sum(one.times for one in found), sum(one.seconds for one in found))


def folders(groups: str, mounts: str) -> list[Path]:
    """The folders of a process's group for processor time and of those above it, each from below to its mount.

    groups: the text of /proc/PID/cgroup (cgroups(7)). mounts: that of /proc/self/mountinfo (proc_pid_mountinfo(5)).
    """
    found = list[Path]()
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        for at, root in _mounted(mounts, controllers):
            inside = PurePosixPath(path)
            parts = inside.relative_to(root).parts if inside.is_relative_to(root) else ()
            found += [Path(at, *parts[:count]) for count in range(len(parts), -1, -1)]
    return found


def _mounted(mounts: str, controllers: str) -> Iterator[tuple[str, str]]:
    """Where the hierarchy with these controllers is mounted, and which of its folders is seen there."""
    if controllers and "cpu" not in controllers.split(","):
        return
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == ("cgroup" if controllers else "cgroup2") and (not controllers or "cpu" in options.split(",")):
            fields = before.split()
            yield fields[4], fields[3]


def _counted(file: Path) -> Throttled:
    try:
        counts = dict(line.split() for line in file.read_text(encoding="ascii").splitlines())
    except OSError:  # the topmost group has none
        return Throttled(0, 0.0)
    microseconds = int(counts.get("throttled_usec", 0)) + int(counts.get("throttled_time", 0)) / 1000
    return Throttled(int(counts.get("nr_throttled", 0)), microseconds / 1e6)
