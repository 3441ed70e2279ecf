"""Record what notebook 09 shows where io_uring is forbidden: `python -m tests.record`, on a machine that has it.

The file says on which machine, on which day, of which commit and by which command it was measured, and the
notebook says so with every figure that it draws from it.
"""

import datetime
import subprocess
from pathlib import Path

import iomux

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "notebooks" / "recorded_who_copies.json"
COMMAND = "python -m tests.record"
_ROUNDS = 20


def record(path: Path = RECORDED, repeats: int = _ROUNDS) -> None:
    """Measure who copies, and write it down. Raises RuntimeError where a way is missing: half of it is no record."""
    result = iomux.who_copies(repeats=repeats)
    if result.missing:
        raise RuntimeError("; ".join(f"{way}: {why}" for way, why in result.missing.items()))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    day = datetime.datetime.now(datetime.UTC).date()
    result.save(path, f"{day}, by {COMMAND} at commit {commit.stdout.strip() or 'unknown'}")
    print(result)


if __name__ == "__main__":
    record()
