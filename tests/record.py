"""Record what a notebook shows that a machine may not be able to measure, each from a file that this writes.

`python -m tests.record`: the result that 09 shows where io_uring is forbidden; run it where it is allowed.
`python -m tests.record million`: the million connections that 06b shows beside its own; it takes 15 GB of memory.

The file names the machine, the day, the commit and the command of the measurement, and the notebook repeats them
with every figure that it draws from the file.
"""

import datetime
import json
import subprocess
import sys
from pathlib import Path

import iomux
from iomux.harness.crowd import crowd
from tests.benchmarks.many import MEMORY_SHARE, MILLION

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "notebooks" / "recorded_who_copies.json"
MILLION_RECORDED = ROOT / "notebooks" / "recorded_million.json"
COMMAND = "python -m tests.record"
_ROUNDS = 20


def record(path: Path = RECORDED, repeats: int = _ROUNDS) -> None:
    """Measure who copies, and save the result. Raises RuntimeError if a way is missing: the record must be complete."""
    result = iomux.who_copies(repeats=repeats)
    if result.missing:
        raise RuntimeError("; ".join(f"{way}: {why}" for way, why in result.missing.items()))
    result.save(path, _when(COMMAND))
    print(result)


def record_million(path: Path = MILLION_RECORDED, connections: int = MILLION) -> None:
    """Open a million connections, and save what was seen. Raises RuntimeError if this machine has no room for them."""
    found = crowd(connections, duration=2.0, memory_share=MEMORY_SHARE)
    if found.accepted < connections:
        raise RuntimeError(found.room.words)
    seen = {"open_s": found.open_s, "bytes_each": found.bytes_each, "alone_us": found.alone.p50_us}
    said = {"recorded": _when(f"{COMMAND} million"), "machine": found.result.machine, "row": found.result.row()}
    path.write_text(json.dumps(said | seen, indent=1, default=float) + "\n")
    print(found)


def _when(command: str) -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    day = datetime.datetime.now(datetime.UTC).date()
    return f"{day}, by {command} at commit {commit.stdout.strip() or 'unknown'}"


if __name__ == "__main__":
    record_million() if "million" in sys.argv else record()
