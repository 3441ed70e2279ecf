"""What the playground says: a run's reading, and what went wrong, in words: a figure alone is not for everybody."""

from typing import TYPE_CHECKING

from iomux.harness.process import ServerError

if TYPE_CHECKING:
    from iomux.lab.run import Run

_FULL = 0.9  # share of a core from which on a process has nothing left to give


def reading(run: "Run") -> str:
    """One run in one sentence: 'poll, 1,000 idle + 1 active: median 850 µs, 99 % 1.2 ms, server 97 % of a core'."""
    if not run.ticks:
        return f"{run.setting}: {'nothing was seen' if run.over else 'starting'}"
    if not run.requests:
        waits = run.ticks[-1].pulse.longest_wait_s
        return f"{run.setting}: no answer {'came' if run.over else 'yet'}, the first request has waited {waits:.1f} s"
    latency = f"median {duration(run.p50_us)}, 99 % {duration(run.p99_us)}"
    return f"{run.setting}: {latency}, server {100 * run.cpu_share:.0f} % of a core"


def remarks(run: "Run") -> list[str]:
    """What else has to be known to read the figures rightly, a sentence each: limits met, clients lost or waiting."""
    if not run.ticks:
        return [run.trouble] if run.trouble else []
    last, setting = run.ticks[-1].pulse, run.setting
    said = [run.trouble] if run.trouble else []
    if run.refused:
        said.append(run.refused)
    if last.closed > 0:
        said.append(f"the server closed {last.closed:,} of {setting.idle:,} idle connections")
    said += [f"{kind}: {count:,}" for kind, count in sorted(last.errors.items())]
    if last.waiting and not run.trouble:
        clients = "client" if setting.active == 1 else "clients"
        was = "was" if last.waiting == 1 else "were"
        said.append(f"{last.waiting:,} of {setting.active:,} active {clients} {was} never answered")
    if last.generator_cpu_share > _FULL > run.cpu_share:
        said.append("the load generator was the bottleneck: the server could do more")
    return said


def trouble(error: Exception) -> str:
    """What went wrong, in one line: a traceback's last line, and not the traceback."""
    if isinstance(error, ServerError):
        said = error.log.strip().splitlines()
        return f"the server {error.cause or 'is gone'}" + (f": {said[-1]}" if said else "")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0].rstrip(':')}: {lines[-1]}"


def duration(microseconds: float) -> str:
    """A time to two or three digits, in the unit that suits it: 850 µs, 1.2 ms, 2.5 s."""
    for unit, size in (("µs", 1.0), ("ms", 1e3), ("s", 1e6)):
        value = microseconds / size
        if value < 999.5 or unit == "s":
            return f"{value:.0f} {unit}" if unit == "µs" or value >= 99.5 else f"{value:.3g} {unit}"
    return f"{microseconds:.0f} µs"
