"""Record the result that notebook 09 shows where io_uring is forbidden: `python -m tests.record`, where it is allowed.

The file names the machine, the day, the commit and the command of the measurement, and the notebook repeats them
with every figure that it draws from the file.
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
    """Measure who copies, and save the result. Raises RuntimeError if a way is missing: the record must be complete."""
    result = iomux.who_copies(repeats=repeats)
    if result.missing:
        raise RuntimeError("; ".join(f"{way}: {why}" for way, why in result.missing.items()))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    day = datetime.datetime.now(datetime.UTC).date()
    result.save(path, f"{day}, by {COMMAND} at commit {commit.stdout.strip() or 'unknown'}")
    print(result)


if __name__ == "__main__":
    record()
